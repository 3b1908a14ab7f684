// A target for tests of the protocol: registers, some memory, and a record of what was asked.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "vmmd/debug/gdb/target.hpp"

namespace redoubt::vmmd::gdb {

class ModelTarget final : public Target {
  public:
    static constexpr std::uint64_t kMemoryAt = 0x1000;

    unsigned vcpus() const override { return static_cast<unsigned>(registers.size()); }
    std::optional<Registers> read_registers(unsigned vcpu) override { return registers.at(vcpu); }
    bool write_registers(unsigned vcpu, const Registers& values) override {
        registers.at(vcpu) = values;
        return true;
    }
    std::size_t read_memory(unsigned, std::uint64_t address,
                            std::span<std::uint8_t> into) override {
        if (address < kMemoryAt || address - kMemoryAt >= memory.size()) return 0;
        const auto from = std::span(memory).subspan(address - kMemoryAt);
        const auto size = std::min(from.size(), into.size());
        std::ranges::copy(from.first(size), into.begin());
        return size;
    }
    bool write_memory(unsigned, std::uint64_t address,
                      std::span<const std::uint8_t> bytes) override {
        if (address < kMemoryAt || address - kMemoryAt >= memory.size()) return false;
        const auto into = std::span(memory).subspan(address - kMemoryAt);
        if (bytes.size() > into.size()) return false;
        std::ranges::copy(bytes, into.begin());
        return true;
    }
    bool insert(unsigned, const Breakpoint& breakpoint) override {
        if (breakpoints.size() == 4) return false;
        breakpoints.push_back(breakpoint);
        return true;
    }
    void remove(const Breakpoint& breakpoint) override { std::erase(breakpoints, breakpoint); }
    void resume(std::span<const Motion> wanted) override {
        motions.assign(wanted.begin(), wanted.end());
    }
    void interrupt() override { ++interrupts; }
    std::string describe(unsigned vcpu) override { return "vCPU " + std::to_string(vcpu); }
    std::string describe_all() override { return "all\n"; }
    bool reset() override { return resets++ == 0; }
    void detach() override { detached = true; }
    void kill() override { killed = true; }

    std::array<Registers, 2> registers;
    std::vector<std::uint8_t> memory = std::vector<std::uint8_t>(0x1000);
    std::vector<Breakpoint> breakpoints;
    std::vector<Motion> motions;
    unsigned interrupts = 0, resets = 0;
    bool detached = false, killed = false;
};

}  // namespace redoubt::vmmd::gdb
