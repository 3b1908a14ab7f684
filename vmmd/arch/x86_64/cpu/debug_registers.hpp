// The guest's debug registers, which only its monitor reaches: every MOV to or from one exits.
#pragma once

#include <array>
#include <cstdint>
#include <expected>

#include "libhvcall/vcpu.hpp"

namespace redoubt::vmmd {

/// A debugger on the VM can borrow the processor's registers. The guest then still has registers
/// with its values, but they have no effect.
class DebugRegisters {
  public:
    static constexpr std::uint64_t kDr6Fixed = 0xFFFF'0FF0, kDr7Fixed = 0x400;

    enum class Refusal { InvalidOpcode, GeneralProtection };
    struct Values {
        std::array<std::uint64_t, 4> addresses{};
        std::uint64_t dr7 = kDr7Fixed;

        friend bool operator==(const Values&, const Values&) = default;
    };

    explicit DebugRegisters(hvcall::Vcpu& vcpu) : vcpu_(vcpu), state_(vcpu.state()) {}

    /// MOV by the guest, in privilege level 0.
    std::expected<std::uint64_t, Refusal> read(unsigned number);
    std::expected<void, Refusal> write(unsigned number, std::uint64_t value);

    /// Puts a debugger's values into effect; again for other values.
    void borrow(const Values& values);
    void give_back();
    /// While they are borrowed, the guest gets a #DB of its own: what it reads in DR6 then.
    void note_exception(std::uint64_t dr6);
    /// The state page holds the values after RESET or INIT. What is borrowed stays so.
    void reset();

  private:
    /// Makes sure that the state page has the guest's values.
    void refresh();
    void put_into_effect(const Values& values, std::uint64_t dr6);

    hvcall::Vcpu& vcpu_;
    abi::VcpuState& state_;
    bool borrowed_ = false;
    Values guest_;  ///< while they are borrowed
    std::uint64_t guest_dr6_ = kDr6Fixed;
    Values debugger_;
};

}  // namespace redoubt::vmmd
