// Device interrupts: the PLIC's sources, all delivered to the boot processor.
#include "arch/interrupt.hpp"

#include "abi/object.hpp"
#include "arch/cpu.hpp"
#include "arch/csr.hpp"
#include "arch/entry.hpp"
#include "arch/machine.hpp"
#include "arch/paging.hpp"
#include "arch/timer.hpp"
#include "arch/trap.hpp"
#include "kernel/print.hpp"

namespace redoubt::kernel {
namespace {

/// RISC-V PLIC Specification 1.0.0, "Memory Map".
constexpr std::uint64_t kEnable = 0x2000, kEnableBytes = 0x80, kThreshold = 0x20'0000,
                        kContextBytes = 0x1000, kClaim = 4;

constinit bool usable = false;
constinit std::uint32_t context = 0;

/// The source of each slot; 0: free.
constinit std::uint32_t slots[kIrqSlotCount]{};
/// Claimed from the PLIC and not completed: it sends no further one meanwhile.
constinit bool in_service[kIrqSlotCount]{};

volatile std::uint32_t& plic(std::uint64_t offset) {
    return *direct_map<volatile std::uint32_t>(machine().plic.start + offset);
}
volatile std::uint32_t& claim_register() {
    return plic(kThreshold + context * kContextBytes + kClaim);
}

void set_enabled(std::uint32_t source, bool enabled) {
    volatile std::uint32_t& word = plic(kEnable + context * kEnableBytes + source / 32 * 4);
    const std::uint32_t bit = 1U << source % 32;
    word = enabled ? word | bit : word & ~bit;
}

void map_registers() {
    const std::uint64_t used[][2] = {
        {0, (machine().plic_sources + 1) * 4},
        {kEnable + context * kEnableBytes, kEnableBytes},
        {kThreshold + context * kContextBytes, kContextBytes},
    };
    for (const auto& [offset, bytes] : used) {
        const PhysicalAddress start = machine().plic.start + offset;
        for (PhysicalAddress page = start.page_base(); page < start + bytes; page += kPageSize)
            map_device_page(page);
    }
}

}  // namespace

void interrupt_initialize() {
    for (const boot::Processor& processor : machine().processors) {
        if (processor.hart != this_cpu().hart || processor.plic_context == boot::kNoContext)
            continue;
        usable = machine().plic.bytes != 0;
        context = processor.plic_context;
    }
    if (!usable)
        return print("kernel: no interrupt controller that is known; devices are polled\n");
    map_registers();
    for (std::uint32_t source = 1; source <= machine().plic_sources; ++source)
        set_enabled(source, false);
    plic(kThreshold + context * kContextBytes) = 0;
}

Result<unsigned> irq_claim_gsi(std::uint32_t source) {
    if (!usable || source == 0 || source > machine().plic_sources)
        return abi::Error::InvalidArgument;
    unsigned free = kIrqSlotCount;
    for (unsigned i = 0; i < kIrqSlotCount; ++i) {
        if (slots[i] == source) return abi::Error::Busy;
        if (slots[i] == 0 && free == kIrqSlotCount) free = i;
    }
    if (free == kIrqSlotCount) return abi::Error::NoMemory;
    slots[free] = source;
    plic(source * 4ULL) = 1;  // its priority
    set_enabled(source, true);
    return free;
}

Result<unsigned> irq_claim_msi(MsiMessage&) { return abi::Error::NotSupported; }

void irq_mask(unsigned slot) { set_enabled(slots[slot], false); }

void irq_unmask(unsigned slot) {
    if (slots[slot] == 0) return;
    set_enabled(slots[slot], true);  // a completion counts only for enabled sources
    if (!in_service[slot]) return;
    in_service[slot] = false;
    claim_register() = slots[slot];
}

void irq_release(unsigned slot) {
    irq_unmask(slot);
    irq_mask(slot);
    slots[slot] = 0;
}

void take_pending_interrupts() {
    REDOUBT_SET_CSR("sstatus", kStatusInterrupts);
    REDOUBT_CLEAR_CSR("sstatus", kStatusInterrupts);
}

namespace {

void take_device_interrupts() {
    while (const std::uint32_t source = claim_register()) {
        unsigned slot = 0;
        while (slot < kIrqSlotCount && slots[slot] != source) ++slot;
        if (slot == kIrqSlotCount) {
            claim_register() = source;
            continue;
        }
        in_service[slot] = true;
        on_irq(slot);
    }
}

}  // namespace

void dispatch_interrupt(std::uint64_t code) {
    switch (code) {
        case kInterruptTimer:
            this_cpu().armed_deadline = 0;
            arm_timer(abi::kNever);
            return on_timer();
        case kInterruptSoftware:
            // Whoever sent it has left word where the scheduler looks.
            REDOUBT_CLEAR_CSR("sip", 1U << kInterruptSoftware);
            return;
        case kInterruptExternal:
            return take_device_interrupts();
        default:
            return;
    }
}

}  // namespace redoubt::kernel
