// Words for exits.
#include "vmmd/trace/describe.hpp"

#include <algorithm>

#include "vmmd/bus/bus.hpp"
#include "vmmd/arch/x86_64/devices/local_apic.hpp"
#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd {

namespace {

std::string_view width_name(unsigned bytes) {
    switch (bytes) {
        case 1:
            return "byte";
        case 2:
            return "word";
        case 4:
            return "dword";
        case 8:
            return "qword";
        default:
            return "block";
    }
}

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
    if (!in) return text + " " + hexadecimal(low_bytes(record.rax, bytes));
    if (handled(record)) text += " = " + hexadecimal(low_bytes(record.result, bytes));
    return text;
}

std::string describe_mmio(const ExitRecord& record) {
    using abi::MmioDetail;
    const auto address = hexadecimal(record.info);
    if ((record.detail & MmioDetail::kFetch) != 0) return "fetch from " + address;
    if ((record.detail & MmioDetail::kPageTable) != 0) return "page walk at " + address;
    const bool write = (record.detail & MmioDetail::kWrite) != 0;
    auto text = (write ? "write " : "read ") + address;
    if (record.size == 0) return text;
    text += " ";
    text += width_name(record.size);
    return text + (write ? " " : " = ") + hexadecimal(record.result);
}

std::string describe_msr(const ExitRecord& record) {
    const bool write = record.detail != 0;
    auto text = (write ? "wrmsr " : "rdmsr ") + hexadecimal(record.rcx);
    if (const auto name = msr_name(record.rcx); !name.empty()) text += " " + std::string(name);
    if (write) {
        return text + " " +
               hexadecimal(std::uint64_t{record.rdx} << 32 | (record.rax & 0xFFFF'FFFF));
    }
    const bool refused = record.exception != ExitRecord::kNoException;
    return handled(record) && !refused ? text + " = " + hexadecimal(record.result) : text;
}

std::string describe_instruction(const ExitRecord& record) {
    switch (static_cast<abi::InterceptedInstruction>(record.detail)) {
        case abi::InterceptedInstruction::Xsetbv:
            return "xsetbv " +
                   hexadecimal(std::uint64_t{record.rdx} << 32 | (record.rax & 0xFFFF'FFFF));
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

std::string describe_cause(const ExitRecord& record) {
    switch (record.kind) {
        case abi::ExitKind::PortIo:
            return describe_port(record);
        case abi::ExitKind::Mmio:
            return describe_mmio(record);
        case abi::ExitKind::Msr:
            return describe_msr(record);
        case abi::ExitKind::Instruction:
            return describe_instruction(record);
        case abi::ExitKind::Cpuid:
            return "cpuid " + hexadecimal(record.rax & 0xFFFF'FFFF) + "." +
                   std::to_string(record.rcx) +
                   (handled(record) ? " = " + hexadecimal(record.result & 0xFFFF'FFFF) + " …" : "");
        case abi::ExitKind::ControlRegister:
            return (record.info != 0 ? "write cr" : "read cr") + std::to_string(record.detail);
        case abi::ExitKind::Halt:
            return "hlt";
        case abi::ExitKind::Hypercall:
            return "hypercall " + hexadecimal(record.rax);
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
        case abi::ExitKind::Interrupted:
        case abi::ExitKind::Deadline:
            break;
    }
    return std::string(exit_name(record.kind));
}

}  // namespace

// APM vol. 2 table 8-1.
std::string exception_name(unsigned vector) {
    static constexpr const char* kNames[] = {"#DE", "#DB",   nullptr, "#BP", "#OF", "#BR", "#UD",
                                             "#NM", "#DF",   nullptr, "#TS", "#NP", "#SS", "#GP",
                                             "#PF", nullptr, "#MF",   "#AC", "#MC", "#XF"};
    if (vector < std::size(kNames) && kNames[vector] != nullptr) return kNames[vector];
    return "exception " + std::to_string(vector);
}

std::string describe(const ExitRecord& record) {
    auto text = describe_cause(record);
    const bool ends = record.outcome == ExitOutcome::Stopped;
    if (record.exception != ExitRecord::kNoException) {
        text += (ends ? " while delivering " : ", ") + exception_name(record.exception);
    }
    if (ends) text += ", the end";
    return text;
}

std::string_view handler_of(const ExitRecord& record, const PortBus& ports, const MmioBus& mmio) {
    if (record.kind == abi::ExitKind::PortIo) {
        return ports.device_at(static_cast<std::uint16_t>(record.info));
    }
    if (record.kind != abi::ExitKind::Mmio || record.size == 0) return {};
    const auto device = mmio.device_at(record.info);
    // Each vCPU has its own behind the same address, so it is on no bus.
    const bool apic = device.empty() && record.info - kLocalApicBase < 0x1000;
    return apic ? "local-apic" : device;
}

std::vector<TraceEntry> select(std::vector<TraceEntry> entries, const TraceQuery& query) {
    std::erase_if(entries, [&](const TraceEntry& entry) {
        return (query.vcpu && entry.vcpu != *query.vcpu) ||
               (query.after && entry.time <= *query.after);
    });
    std::ranges::stable_sort(entries, {}, &TraceEntry::time);
    if (entries.size() > query.count) {
        entries.erase(entries.begin(), entries.end() - static_cast<std::ptrdiff_t>(query.count));
    }
    return entries;
}

std::string to_line(const TraceEntry& entry) {
    const auto microseconds = entry.time.count / 1000;
    auto line = format("%5llu.%06llu cpu%u rip %s ",
                       static_cast<unsigned long long>(microseconds / 1'000'000),
                       static_cast<unsigned long long>(microseconds % 1'000'000), entry.vcpu,
                       address_text(entry.record.rip).c_str()) +
                entry.text;
    return entry.handler.empty() ? line : line + " → " + entry.handler;
}

}  // namespace redoubt::vmmd
