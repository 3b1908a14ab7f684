// Exit counts and crash reports as text.
#include "vmmd/exit_statistics.hpp"

#include <algorithm>
#include <cstdio>

namespace redoubt::vmmd {

namespace {

template <class... Arguments>
void append(std::string& text, const char* format, Arguments... arguments) {
    char line[160];
    std::snprintf(line, sizeof line, format, arguments...);
    text += line;
}

}  // namespace

std::string_view exit_name(abi::ExitKind kind) {
    switch (kind) {
        case abi::ExitKind::Interrupted:
            return "interrupted";
        case abi::ExitKind::Deadline:
            return "deadline";
        case abi::ExitKind::Exception:
            return "exception";
        case abi::ExitKind::PortIo:
            return "port_io";
        case abi::ExitKind::Mmio:
            return "mmio";
        case abi::ExitKind::Halt:
            return "halt";
        case abi::ExitKind::Shutdown:
            return "shutdown";
        case abi::ExitKind::Hypercall:
            return "hypercall";
        case abi::ExitKind::Debug:
            return "debug";
        case abi::ExitKind::Msr:
            return "msr";
        case abi::ExitKind::Cpuid:
            return "cpuid";
        case abi::ExitKind::ControlRegister:
            return "control_register";
        case abi::ExitKind::InterruptWindow:
            return "interrupt_window";
        case abi::ExitKind::Instruction:
            return "instruction";
        case abi::ExitKind::EntryFailure:
            return "entry_failure";
    }
    return "unknown";
}

void ExitStatistics::clear() {
    for (auto& count : counts_) count = 0;
    injections_ = 0;
    next_ = 0;
}

std::string ExitStatistics::history() const {
    std::string text;
    const auto count = std::min<std::uint64_t>(next_, history_.size());
    for (auto i = next_ - count; i < next_; ++i) {
        const auto& record = history_[i % history_.size()];
        append(text, "  %-16.*s rip=%#llx info=%#llx detail=%#x\n",
               static_cast<int>(exit_name(record.kind).size()), exit_name(record.kind).data(),
               static_cast<unsigned long long>(record.rip),
               static_cast<unsigned long long>(record.info), record.detail);
    }
    return text;
}

std::string describe_registers(const abi::VcpuState& s) {
    static constexpr const char* kNames[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                             "rsi", "rdi", "r8 ", "r9 ", "r10", "r11",
                                             "r12", "r13", "r14", "r15"};
    using Number = unsigned long long;
    std::string text;
    for (unsigned i = 0; i < 16; ++i) {
        append(text, "  %s %016llx%s", kNames[i], static_cast<Number>(s.gpr[i]),
               i % 4 == 3 ? "\n" : "");
    }
    append(text, "  rip %016llx  rflags %llx  cpl %u  cs base %llx attributes %x\n",
           static_cast<Number>(s.rip), static_cast<Number>(s.rflags), s.cpl,
           static_cast<Number>(s.cs_base), s.cs_attributes);
    append(text, "  cr0 %llx  cr2 %llx  cr3 %llx  cr4 %llx  efer %llx\n",
           static_cast<Number>(s.cr0), static_cast<Number>(s.cr2), static_cast<Number>(s.cr3),
           static_cast<Number>(s.cr4), static_cast<Number>(s.efer));
    return text;
}

}  // namespace redoubt::vmmd
