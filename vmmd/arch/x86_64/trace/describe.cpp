// Words for x86-64's exits.
#include "vmmd/trace/describe.hpp"

#include "vmmd/arch/x86_64/trace/msr_names.hpp"
#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd {

namespace {

bool handled(const ExitRecord& record) { return record.outcome != ExitOutcome::Pending; }

/// What a guest in `record` writes: rax cut to `bytes`.
std::uint64_t low_bytes(std::uint64_t value, unsigned bytes) {
    return bytes >= 8 ? value : value & ((std::uint64_t{1} << 8 * bytes) - 1);
}

std::string describe_port(const ExitRecord& record) {
    using abi::PortIoDetail;
    const auto bytes = record.detail >> PortIoDetail::kSizeShift & 7;
    const bool in = (record.detail & PortIoDetail::kIn) != 0;
    const bool string = (record.detail & (PortIoDetail::kString | PortIoDetail::kRepeat)) != 0;
    auto text = std::string((record.detail & PortIoDetail::kRepeat) != 0 ? "rep " : "") +
                (in ? "in" : "out") + (string ? "s " : " ") + hexadecimal(record.info) + " ";
    text += width_name(bytes);
    if (string) return text;
    if (!in) return text + " " + hexadecimal(low_bytes(record.first, bytes));
    if (handled(record)) text += " = " + hexadecimal(low_bytes(record.result, bytes));
    return text;
}

std::string describe_msr(const ExitRecord& record) {
    const bool write = record.detail != 0;
    auto text = (write ? "wrmsr " : "rdmsr ") + hexadecimal(record.second);
    if (const auto name = msr_name(record.second); !name.empty()) text += " " + std::string(name);
    if (write) {
        return text + " " +
               hexadecimal(std::uint64_t{record.third} << 32 | (record.first & 0xFFFF'FFFF));
    }
    const bool refused = record.exception != ExitRecord::kNoException;
    return handled(record) && !refused ? text + " = " + hexadecimal(record.result) : text;
}

std::string describe_instruction(const ExitRecord& record) {
    switch (static_cast<abi::InterceptedInstruction>(record.detail)) {
        case abi::InterceptedInstruction::Xsetbv:
            return "xsetbv " +
                   hexadecimal(std::uint64_t{record.third} << 32 | (record.first & 0xFFFF'FFFF));
        case abi::InterceptedInstruction::Monitor:
            return "monitor";
        case abi::InterceptedInstruction::Mwait:
            return "mwait";
        case abi::InterceptedInstruction::Wbinvd:
            return "wbinvd";
        case abi::InterceptedInstruction::Invd:
            return "invd";
        case abi::InterceptedInstruction::TaskSwitch:
            return "task switch";
        case abi::InterceptedInstruction::VirtualizationExtension:
            return "virtualization instruction";
        case abi::InterceptedInstruction::DebugRegister:
            return record.info != 0 ? "write of a debug register" : "read of a debug register";
        case abi::InterceptedInstruction::SoftwareInterrupt:
            return "software interrupt";
        case abi::InterceptedInstruction::Other:
            break;
    }
    return "intercepted instruction";
}

}  // namespace

std::string describe_exit(const ExitRecord& record) {
    switch (record.kind) {
        case abi::ExitKind::PortIo:
            return describe_port(record);
        case abi::ExitKind::Msr:
            return describe_msr(record);
        case abi::ExitKind::Instruction:
            return describe_instruction(record);
        case abi::ExitKind::Cpuid:
            return "cpuid " + hexadecimal(record.first & 0xFFFF'FFFF) + "." +
                   std::to_string(record.second) +
                   (handled(record) ? " = " + hexadecimal(record.result & 0xFFFF'FFFF) + " …" : "");
        case abi::ExitKind::ControlRegister:
            return (record.info != 0 ? "write cr" : "read cr") + std::to_string(record.detail);
        case abi::ExitKind::Halt:
            return "hlt";
        case abi::ExitKind::Hypercall:
            return "hypercall " + hexadecimal(record.first);
        case abi::ExitKind::Exception:
            return exception_name(record.detail) + " error code " + hexadecimal(record.info);
        case abi::ExitKind::Debug:
            return exception_name(record.detail) + " for the debugger";
        case abi::ExitKind::Shutdown:
            return "shutdown (triple fault)";
        case abi::ExitKind::EntryFailure:
            return "state refused, code " + hexadecimal(record.info);
        case abi::ExitKind::InterruptWindow:
            return "interrupt window";
        default:
            return std::string(exit_name(record.kind));
    }
}

// APM vol. 2 table 8-1.
std::string exception_name(unsigned vector) {
    static constexpr const char* kNames[] = {"#DE", "#DB",   nullptr, "#BP", "#OF", "#BR", "#UD",
                                             "#NM", "#DF",   nullptr, "#TS", "#NP", "#SS", "#GP",
                                             "#PF", nullptr, "#MF",   "#AC", "#MC", "#XF"};
    if (vector < std::size(kNames) && kNames[vector] != nullptr) return kNames[vector];
    return "exception " + std::to_string(vector);
}

}  // namespace redoubt::vmmd
