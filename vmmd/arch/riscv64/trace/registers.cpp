// Registers as text.
#include "arch/registers.hpp"

#include <iterator>
#include <span>
#include <utility>

#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd {

namespace {

using Number = unsigned long long;

constexpr const char* kNames[] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                  "s0",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                  "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                  "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

struct Value {
    const char* name;
    std::uint64_t value;
};

std::string lines(std::span<const Value> values) {
    std::string text;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const bool last = i % 4 == 3 || i + 1 == values.size();
        text += format("  %-10s %016llx%s", values[i].name, static_cast<Number>(values[i].value),
                       last ? "\n" : "");
    }
    return text;
}

}  // namespace

std::string describe_registers(const abi::VcpuState& s) {
    Value values[std::size(kNames)];
    for (unsigned i = 0; i < std::size(kNames); ++i) values[i] = {kNames[i], s.gpr[i]};
    values[0] = {"pc", s.pc};
    return lines(values) + format("  mode %s  pending %llx\n", s.mode != 0 ? "VS" : "VU",
                                  static_cast<Number>(s.inject));
}

std::string describe_system_registers(const abi::VcpuState& s) {
    const Value values[] = {{"vsstatus", s.vsstatus},     {"vsie", s.vsie},
                            {"vstvec", s.vstvec},         {"vsscratch", s.vsscratch},
                            {"vsepc", s.vsepc},           {"vscause", s.vscause},
                            {"vstval", s.vstval},         {"vsatp", s.vsatp},
                            {"scounteren", s.scounteren}, {"senvcfg", s.senvcfg},
                            {"time_delta", s.time_delta}, {"timer", s.timer}};
    return lines(values);
}

std::string summarize_registers(const abi::VcpuState& s) {
    return "pc=" + hexadecimal(s.pc) + " vsatp=" + hexadecimal(s.vsatp) +
           " mode=" + (s.mode != 0 ? "VS" : "VU");
}

Counters register_values(const abi::VcpuState& s) {
    Counters values;
    for (unsigned i = 1; i < std::size(kNames); ++i) values.emplace_back(kNames[i], s.gpr[i]);
    for (const auto& [name, value] :
         {std::pair{"pc", s.pc}, std::pair{"mode", s.mode}, std::pair{"vsstatus", s.vsstatus},
          std::pair{"vsie", s.vsie}, std::pair{"vstvec", s.vstvec},
          std::pair{"vsscratch", s.vsscratch}, std::pair{"vsepc", s.vsepc},
          std::pair{"vscause", s.vscause}, std::pair{"vstval", s.vstval},
          std::pair{"vsatp", s.vsatp}, std::pair{"timer", s.timer}}) {
        values.emplace_back(name, value);
    }
    return values;
}

}  // namespace redoubt::vmmd
