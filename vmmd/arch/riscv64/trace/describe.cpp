// Words for riscv64's exits.
#include "vmmd/trace/describe.hpp"

#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd {

namespace {

struct CallName {
    std::uint32_t extension, function;
    const char* name;
};
// The SBI's calls that there are (cpu/sbi.cpp).
constexpr CallName kCalls[] = {
    {0x10, 0, "base spec_version"},
    {0x10, 1, "base impl_id"},
    {0x10, 2, "base impl_version"},
    {0x10, 3, "base probe"},
    {0x10, 4, "base mvendorid"},
    {0x10, 5, "base marchid"},
    {0x10, 6, "base mimpid"},
    {0x5449'4D45, 0, "set_timer"},
    {0x73'5049, 0, "send_ipi"},
    {0x5246'4E43, 0, "remote_fence_i"},
    {0x5246'4E43, 1, "remote_sfence_vma"},
    {0x5246'4E43, 2, "remote_sfence_vma_asid"},
    {0x48'534D, 0, "hart_start"},
    {0x48'534D, 1, "hart_stop"},
    {0x48'534D, 2, "hart_status"},
    {0x48'534D, 3, "hart_suspend"},
    {0x5352'5354, 0, "system_reset"},
    {0x4442'434E, 0, "console_write"},
    {0x4442'434E, 1, "console_read"},
    {0x4442'434E, 2, "console_write_byte"},
};

std::string call_name(std::uint32_t extension, std::uint32_t function) {
    for (const auto& call : kCalls) {
        if (call.extension == extension && call.function == function) return call.name;
    }
    switch (extension) {
        case 0:
            return "legacy set_timer";
        case 1:
            return "legacy putchar";
        case 2:
            return "legacy getchar";
        case 8:
            return "legacy shutdown";
        default:
            return "call " + hexadecimal(extension) + "." + std::to_string(function);
    }
}

std::string describe_call(const ExitRecord& record) {
    auto text = "sbi " + call_name(record.third, record.second) + " " + hexadecimal(record.first);
    if (record.outcome == ExitOutcome::Pending) return text;
    const auto error = static_cast<std::int32_t>(record.result);
    return text + (error < 0 ? " = error " + std::to_string(error)
                             : " = " + hexadecimal(record.result >> 32));
}

}  // namespace

std::string describe_exit(const ExitRecord& record) {
    switch (record.kind) {
        case abi::ExitKind::Halt:
            return "wfi";
        case abi::ExitKind::Hypercall:
            return describe_call(record);
        case abi::ExitKind::Instruction:
            return "virtual instruction " + hexadecimal(record.info);
        case abi::ExitKind::Exception:
            return exception_name(record.detail) + ", value " + hexadecimal(record.info);
        case abi::ExitKind::EntryFailure:
            return "run ended for cause " + std::to_string(record.detail);
        default:
            return std::string(exit_name(record.kind));
    }
}

// Privileged Specification, table 4.2.
std::string exception_name(unsigned cause) {
    static constexpr const char* kNames[] = {"instruction address misaligned",
                                             "instruction access fault",
                                             "illegal instruction",
                                             "breakpoint",
                                             "load address misaligned",
                                             "load access fault",
                                             "store address misaligned",
                                             "store access fault",
                                             "environment call",
                                             "environment call",
                                             "environment call",
                                             nullptr,
                                             "instruction page fault",
                                             "load page fault",
                                             nullptr,
                                             "store page fault"};
    if (cause < std::size(kNames) && kNames[cause] != nullptr) return kNames[cause];
    return "exception " + std::to_string(cause);
}

}  // namespace redoubt::vmmd
