// Device interrupts: IOAPIC lines and message-signalled ones, each with a vector of its own.
#include "arch/interrupt.hpp"

#include "arch/apic.hpp"
#include "arch/boot.hpp"
#include "arch/cpu.hpp"
#include "arch/entry.hpp"
#include "arch/paging.hpp"
#include "arch/timer.hpp"
#include "arch/vectors.hpp"

namespace redoubt::kernel {
namespace {

static_assert(kFirstIrqVector + kIrqSlotCount <= kVectorTimer);

/// An IOAPIC: an index register and a data register in front of the redirection table.
class IoApic {
  public:
    IoApic() = default;
    IoApic(volatile std::uint32_t* registers, std::uint32_t first_gsi)
        : registers_{registers}, first_gsi_{first_gsi}, lines_{(read(1) >> 16 & 0xFF) + 1} {}

    bool has(std::uint32_t gsi) const { return gsi >= first_gsi_ && gsi - first_gsi_ < lines_; }
    std::uint32_t lines() const { return lines_; }
    std::uint32_t line_of(std::uint32_t gsi) const { return gsi - first_gsi_; }

    void set_entry(std::uint32_t line, std::uint64_t entry) {
        write(0x10 + 2 * line, static_cast<std::uint32_t>(entry) | kMasked);
        write(0x11 + 2 * line, static_cast<std::uint32_t>(entry >> 32));
        write(0x10 + 2 * line, static_cast<std::uint32_t>(entry));
    }
    void set_masked(std::uint32_t line, bool masked) {
        const std::uint32_t entry = read(0x10 + 2 * line) & ~kMasked;
        write(0x10 + 2 * line, entry | (masked ? kMasked : 0));
    }

    static constexpr std::uint32_t kMasked = 1U << 16;

  private:
    std::uint32_t read(std::uint32_t index) const {
        registers_[0] = index;
        return registers_[4];
    }
    void write(std::uint32_t index, std::uint32_t value) {
        registers_[0] = index;
        registers_[4] = value;
    }

    volatile std::uint32_t* registers_ = nullptr;
    std::uint32_t first_gsi_ = 0;
    std::uint32_t lines_ = 0;
};

enum class SlotState : std::uint8_t { Free, Edge, Level, Message };

struct Slot {
    SlotState state;
    std::uint8_t io_apic;
    std::uint16_t line;
};

constinit Slot slots[kIrqSlotCount]{};
constinit IoApic io_apics[boot::kMaximumIoApics]{};
unsigned io_apic_count = 0;

constexpr std::uint32_t kActiveLow = 1 << 13, kLevelTriggered = 1 << 15;

Result<unsigned> free_slot() {
    for (unsigned i = 0; i < kIrqSlotCount; ++i) {
        if (slots[i].state == SlotState::Free) return i;
    }
    return abi::Error::NoMemory;
}

/// Lines that are not ISA's are wired as PCI's.
boot::InterruptLine wiring_of(std::uint32_t gsi) {
    if (gsi >= boot::kIsaInterrupts) return {gsi, true, true};
    return boot_information().hardware.isa_interrupts[gsi];
}

}  // namespace

void interrupt_initialize() {
    for (const boot::IoApic& entry : boot_information().hardware.io_apics) {
        IoApic& io_apic = io_apics[io_apic_count++];
        io_apic = IoApic{static_cast<volatile std::uint32_t*>(map_device_page(entry.registers)),
                         entry.first_gsi};
        for (std::uint32_t line = 0; line < io_apic.lines(); ++line)
            io_apic.set_entry(line, IoApic::kMasked);
    }
}

Result<unsigned> irq_claim_gsi(std::uint32_t gsi) {
    const boot::InterruptLine wiring = wiring_of(gsi);
    for (unsigned i = 0; i < io_apic_count; ++i) {
        if (!io_apics[i].has(wiring.gsi)) continue;
        const auto line = static_cast<std::uint16_t>(io_apics[i].line_of(wiring.gsi));
        for (const Slot& slot : slots) {
            const bool is_line = slot.state == SlotState::Edge || slot.state == SlotState::Level;
            if (is_line && slot.io_apic == i && slot.line == line) return abi::Error::Busy;
        }
        const unsigned index = REDOUBT_TRY(free_slot());
        slots[index] = {wiring.level_triggered ? SlotState::Level : SlotState::Edge,
                        static_cast<std::uint8_t>(i), line};
        io_apics[i].set_entry(
            line, std::uint64_t{cpu(0).apic_id} << 56 | (wiring.active_low ? kActiveLow : 0) |
                      (wiring.level_triggered ? kLevelTriggered : 0) | (kFirstIrqVector + index));
        return index;
    }
    return abi::Error::InvalidArgument;
}

Result<unsigned> irq_claim_msi(MsiMessage& message) {
    const unsigned index = REDOUBT_TRY(free_slot());
    slots[index] = {SlotState::Message, 0, 0};
    message = {0xFEE0'0000ULL | cpu(0).apic_id << 12, kFirstIrqVector + index};
    return index;
}

void irq_mask(unsigned slot) {
    const Slot& s = slots[slot];
    if (s.state == SlotState::Edge || s.state == SlotState::Level)
        io_apics[s.io_apic].set_masked(s.line, true);
}

void irq_unmask(unsigned slot) {
    const Slot& s = slots[slot];
    if (s.state == SlotState::Edge || s.state == SlotState::Level)
        io_apics[s.io_apic].set_masked(s.line, false);
}

void irq_release(unsigned slot) {
    irq_mask(slot);
    slots[slot] = {};
}

void take_pending_interrupts() { asm volatile("sti; nop; cli" : : : "memory"); }

void dispatch_interrupt(unsigned vector) {
    if (vector == kVectorTimer) {
        this_cpu().armed_deadline = abi::kNever;
        apic_end_of_interrupt();
        return on_timer();
    }
    // Whoever sent it has left word where the scheduler looks.
    if (vector == kVectorProcessor) return apic_end_of_interrupt();
    if (vector < kFirstIrqVector || vector - kFirstIrqVector >= kIrqSlotCount) return;  // spurious
    const unsigned slot = vector - kFirstIrqVector;
    const SlotState state = slots[slot].state;
    if (state == SlotState::Level) irq_mask(slot);
    apic_end_of_interrupt();
    if (state != SlotState::Free) on_irq(slot);
}

}  // namespace redoubt::kernel
