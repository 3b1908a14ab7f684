// Crash reports.
#include "vmmd/trace/crash_report.hpp"

#include "arch/registers.hpp"
#include "vmmd/linear_memory.hpp"
#include "vmmd/trace/code_listing.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::size_t kInstructionsBefore = 5;
constexpr std::size_t kInstructionsAfter = 5;
constexpr std::size_t kExits = 16;
constexpr std::size_t kExitsOfOthers = 4;

std::string last_exits(const Machine& machine, unsigned vcpu, std::size_t count) {
    std::string text = "last exits:\n";
    for (const auto& entry : machine.trace({.vcpu = vcpu, .count = count})) {
        text += to_line(entry) + "\n";
    }
    return text;
}

std::string code_at_pc(const Machine& machine, const abi::VcpuState& state) {
    const auto listing = list_code(state, machine.memory(), isa::code_address(state),
                                   kInstructionsBefore, kInstructionsAfter);
    return "code (" + listing.mode +
           (listing.before.empty()
                ? "):\n"
                : std::string("; what is before ") + kProgramCounter + " is a guess):\n") +
           to_text(listing);
}

}  // namespace

std::string crash_report(Machine& machine, unsigned vcpu) {
    const auto vcpus = machine.vcpu_count();
    const auto title = [&](unsigned index) {
        return "registers" + (vcpus > 1 ? " of vCPU " + std::to_string(index) : std::string()) +
               ":\n";
    };
    const auto& state = machine.complete_state(vcpu);
    auto text = title(vcpu) + describe_registers(state) + describe_system_registers(state) +
                code_at_pc(machine, state) + last_exits(machine, vcpu, kExits);
    for (unsigned i = 0; i < vcpus; ++i) {
        if (i == vcpu) continue;
        text += title(i) + describe_registers(machine.vcpu(i).state()) +
                last_exits(machine, i, kExitsOfOthers);
    }
    text.pop_back();
    return text;
}

}  // namespace redoubt::vmmd
