// Registers as text.
#include "arch/registers.hpp"

#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd {

namespace {

using Number = unsigned long long;

/// The flags that are set, by the letters of APM vol. 2 3.1.6.
std::string flags_text(std::uint64_t rflags) {
    static constexpr struct {
        unsigned bit;
        const char* name;
    } kFlags[] = {{0, "CF"},  {2, "PF"},  {4, "AF"},  {6, "ZF"},  {7, "SF"},
                  {8, "TF"},  {9, "IF"},  {10, "DF"}, {11, "OF"}, {14, "NT"},
                  {16, "RF"}, {17, "VM"}, {18, "AC"}, {21, "ID"}};
    std::string text;
    for (const auto& flag : kFlags) {
        if ((rflags >> flag.bit & 1) == 0) continue;
        text += (text.empty() ? "" : " ") + std::string(flag.name);
    }
    return text;
}

std::string segment_text(const char* name, const abi::SegmentRegister& segment) {
    return format("  %s %04x base %016llx limit %08x %03x", name, segment.selector,
                  static_cast<Number>(segment.base), segment.limit, segment.attributes);
}

}  // namespace

std::string summarize_registers(const abi::VcpuState& s) {
    return "rip=" + hexadecimal(s.rip) + " cr3=" + hexadecimal(s.cr3) +
           " cpl=" + std::to_string(s.cpl);
}

Counters register_values(const abi::VcpuState& s) {
    static constexpr const char* kNames[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                             "rsi", "rdi", "r8",  "r9",  "r10", "r11",
                                             "r12", "r13", "r14", "r15"};
    Counters values;
    for (unsigned i = 0; i < 16; ++i) values.emplace_back(kNames[i], s.gpr[i]);
    for (const auto& [name, value] :
         {std::pair{"rip", s.rip}, std::pair{"rflags", s.rflags}, std::pair{"cr0", s.cr0},
          std::pair{"cr2", s.cr2}, std::pair{"cr3", s.cr3}, std::pair{"cr4", s.cr4},
          std::pair{"cr8", s.tpr}, std::pair{"efer", s.efer}}) {
        values.emplace_back(name, value);
    }
    return values;
}

std::string describe_registers(const abi::VcpuState& s) {
    static constexpr const char* kNames[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                             "rsi", "rdi", "r8 ", "r9 ", "r10", "r11",
                                             "r12", "r13", "r14", "r15"};
    std::string text;
    for (unsigned i = 0; i < 16; ++i) {
        text += format("  %s %016llx%s", kNames[i], static_cast<Number>(s.gpr[i]),
                       i % 4 == 3 ? "\n" : "");
    }
    text += format("  rip %016llx  rflags %llx [%s]  cpl %u  cs base %llx attributes %x\n",
                   static_cast<Number>(s.rip), static_cast<Number>(s.rflags),
                   flags_text(s.rflags).c_str(), s.cpl, static_cast<Number>(s.cs_base),
                   s.cs_attributes);
    text +=
        format("  cr0 %llx  cr2 %llx  cr3 %llx  cr4 %llx  cr8 %llx  efer %llx\n",
               static_cast<Number>(s.cr0), static_cast<Number>(s.cr2), static_cast<Number>(s.cr3),
               static_cast<Number>(s.cr4), static_cast<Number>(s.tpr), static_cast<Number>(s.efer));
    return text;
}

std::string describe_system_registers(const abi::VcpuState& s) {
    static constexpr const char* kNames[] = {"es", "cs", "ss", "ds", "fs", "gs", "ldt", "tr "};
    std::string text;
    for (unsigned i = 0; i < 8; ++i) {
        text += segment_text(kNames[i], s.segments[i]) + (i % 2 == 1 ? "\n" : "");
    }
    text += format("  gdt %016llx limit %04x  idt %016llx limit %04x\n",
                   static_cast<Number>(s.gdtr.base), s.gdtr.limit, static_cast<Number>(s.idtr.base),
                   s.idtr.limit);
    text += format("  star %llx  lstar %llx  cstar %llx  sfmask %llx  kernel_gs_base %llx\n",
                   static_cast<Number>(s.star), static_cast<Number>(s.lstar),
                   static_cast<Number>(s.cstar), static_cast<Number>(s.sfmask),
                   static_cast<Number>(s.kernel_gs_base));
    text +=
        format("  sysenter_cs %llx  sysenter_esp %llx  sysenter_eip %llx  pat %llx  xcr0 %llx\n",
               static_cast<Number>(s.sysenter_cs), static_cast<Number>(s.sysenter_esp),
               static_cast<Number>(s.sysenter_eip), static_cast<Number>(s.pat),
               static_cast<Number>(s.xcr0));
    text += format("  dr0 %llx  dr1 %llx  dr2 %llx  dr3 %llx  dr6 %llx  dr7 %llx\n",
                   static_cast<Number>(s.dr[0]), static_cast<Number>(s.dr[1]),
                   static_cast<Number>(s.dr[2]), static_cast<Number>(s.dr[3]),
                   static_cast<Number>(s.dr6), static_cast<Number>(s.dr7));
    return text;
}

}  // namespace redoubt::vmmd
