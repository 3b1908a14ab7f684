// The machine around the harts: builds every device, wires the interrupt lines, and knows at which
// addresses each of them sits.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "vmmd/arch/riscv64/devices/goldfish_rtc.hpp"
#include "vmmd/arch/riscv64/devices/plic.hpp"
#include "vmmd/arch/riscv64/devices/test_finisher.hpp"
#include "vmmd/device.hpp"
#include "vmmd/devices/serial.hpp"

namespace redoubt::vmmd {

/// What the chipset needs from the VM around it. The callbacks may come on any thread and with a
/// device's lock held: they set a flag and kick.
struct ChipsetOptions {
    unsigned vcpus = 1;
    std::uint64_t real_time_seconds = 0;  ///< since 1970, at the time of construction
    CharacterBackend* serial = nullptr;   ///< its output; null: discarded
    std::function<void(unsigned vcpu, bool level)> external_interrupt;  ///< the PLIC's output
    std::function<void()> power_off;
    std::function<void(std::string_view how)> reset;  ///< ends a sentence: "by the test finisher"
};

class Chipset {
  public:
    using Attach = std::function<void(std::uint64_t base, std::uint64_t size, Device& device)>;

    Chipset(TimerQueue& timers, ChipsetOptions options);

    /// Calls `memory` once for every device.
    void attach(const Attach& memory);
    CharacterInput& serial_input() { return serial_; }
    /// An input of the PLIC, from 1.
    InterruptLine& interrupt(unsigned source) { return plic_.input(source); }

    // -- the SBI's console: the same line as the UART's
    void console_write(std::span<const std::uint8_t> bytes);
    std::optional<std::uint8_t> console_read();

    /// As the reset button: every device, not the vCPUs.
    void reset_all();

  private:
    CharacterBackend* const output_;
    Plic plic_;
    Serial serial_;
    GoldfishRtc rtc_;
    TestFinisher finisher_;
};

}  // namespace redoubt::vmmd
