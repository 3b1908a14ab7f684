// Registers as text.
#include "vmmd/trace/registers.hpp"

#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd {

std::string describe_registers(const abi::VcpuState& s) {
    static constexpr const char* kNames[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                             "rsi", "rdi", "r8 ", "r9 ", "r10", "r11",
                                             "r12", "r13", "r14", "r15"};
    using Number = unsigned long long;
    std::string text;
    for (unsigned i = 0; i < 16; ++i) {
        text += format("  %s %016llx%s", kNames[i], static_cast<Number>(s.gpr[i]),
                       i % 4 == 3 ? "\n" : "");
    }
    text += format("  rip %016llx  rflags %llx  cpl %u  cs base %llx attributes %x\n",
                   static_cast<Number>(s.rip), static_cast<Number>(s.rflags), s.cpl,
                   static_cast<Number>(s.cs_base), s.cs_attributes);
    text +=
        format("  cr0 %llx  cr2 %llx  cr3 %llx  cr4 %llx  efer %llx\n", static_cast<Number>(s.cr0),
               static_cast<Number>(s.cr2), static_cast<Number>(s.cr3), static_cast<Number>(s.cr4),
               static_cast<Number>(s.efer));
    return text;
}

}  // namespace redoubt::vmmd
