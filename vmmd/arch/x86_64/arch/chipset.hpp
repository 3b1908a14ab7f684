// The machine around the processors: builds every device, wires the interrupt lines, and knows at
// which ports and addresses each of them sits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "vmmd/clock.hpp"
#include "vmmd/device.hpp"
#include "vmmd/devices/character_backend.hpp"
#include "vmmd/timer_queue.hpp"

namespace redoubt::vmmd {

class LocalApic;
class InterruptLine;

/// What the chipset needs from the VM around it. All callbacks may come on any thread, a vCPU's own
/// too, and possibly with a device's lock held: they set a flag and kick, and never call a device.
/// Those that are empty are not called.
struct ChipsetOptions {
    unsigned vcpus = 1;
    std::uint64_t tsc_frequency_hz = 1'000'000'000;
    std::uint64_t memory_bytes = 0;       ///< for the CMOS, where old firmware looks for it
    std::uint64_t real_time_seconds = 0;  ///< seconds since 1970, at the time of construction
    CharacterBackend* serial = nullptr;   ///< COM1's output; null: discarded
    /// The queue for the timer of a vCPU's local APIC; empty: that of the other devices.
    std::function<TimerQueue&(unsigned vcpu)> vcpu_timers;
    std::function<void(unsigned vcpu)> kick_vcpu;
    std::function<void()> power_off;  ///< ACPI S5
    std::function<void(std::string_view how)>
        reset;  ///< ends a sentence: "by the keyboard controller"
    std::function<void(unsigned vcpu)> init_vcpu;                          ///< INIT IPI
    std::function<void(unsigned vcpu, std::uint8_t vector)> startup_vcpu;  ///< SIPI
    std::function<void(unsigned vcpu)> nmi_vcpu;
    std::function<void(std::uint8_t byte)> debug_port;  ///< ports 0x402 and 0xe9; may be empty
};

class Chipset {
  public:
    using Attach = std::function<void(std::uint64_t base, std::uint64_t size, Device& device)>;

    Chipset(TimerQueue& timers, ChipsetOptions options);
    ~Chipset();
    Chipset(const Chipset&) = delete;
    Chipset& operator=(const Chipset&) = delete;

    /// Calls `ports` and `memory` once for every range a device answers at. Offset 0 of a device is
    /// the base given with it. The local APICs are not among them: their page is per vCPU (and can
    /// be moved), so the vCPU loop gives accesses to local_apic(n) itself.
    void attach(const Attach& ports, const Attach& memory);

    LocalApic& local_apic(unsigned vcpu);
    /// The guest TSC of a vCPU: set its offset when the guest writes the TSC or TSC_ADJUST.
    TscClock& tsc(unsigned vcpu);
    CharacterInput& serial_input();
    /// ISA interrupt 0..15: at the 8259 and at the I/O APIC's input of the same number, 0 at its
    /// input 2.
    InterruptLine& isa_interrupt(unsigned irq);
    /// An input of the I/O APIC alone: those from 16 to 23 are free.
    InterruptLine& interrupt(unsigned gsi);
    /// A message-signalled interrupt: what a device would have written to 0xFEExxxxx.
    void message_signalled_interrupt(std::uint64_t address, std::uint32_t data);

    /// As the reset button: every device, with the first local APIC as firmware leaves it; not the
    /// vCPUs.
    void reset_all();
    /// The ACPI fixed power button, pressed once.
    void press_power_button();
    /// The last code written to port 0x80.
    std::uint8_t post_code() const;

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace redoubt::vmmd
