// Completes MMIO exits as vmmd does: fetch through the guest's page tables, decode, access a
// device.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

#include "libhvcall/guest_memory.hpp"
#include "libhvcall/vcpu.hpp"
#include "vmmd/arch/x86_64/isa/emulator.hpp"

namespace redoubt::bench {

/// A device that counts what is written to it.
class MmioExit final : public vmmd::isa::DeviceAccess {
  public:
    MmioExit(hvcall::Vcpu& vcpu, const hvcall::GuestMemory& memory)
        : emulator_(vcpu, memory, *this) {}

    /// False if the instruction could not be executed.
    bool complete() { return emulator_.execute().has_value(); }
    std::uint64_t writes() const { return writes_; }

    void read_memory(std::uint64_t, std::span<std::uint8_t> data) override {
        std::ranges::fill(data, std::uint8_t{0xFF});
    }
    void write_memory(std::uint64_t, std::span<const std::uint8_t>) override { ++writes_; }
    std::uint32_t read_port(std::uint16_t, unsigned) override { return ~0U; }
    void write_port(std::uint16_t, unsigned, std::uint32_t) override {}

  private:
    vmmd::isa::Emulator emulator_;
    std::uint64_t writes_ = 0;
};

}  // namespace redoubt::bench
