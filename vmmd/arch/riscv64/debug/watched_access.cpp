// Accesses to pages with watchpoints. Ordinary loads and stores, and atomic operations, are made
// for the guest. Everything else (floating point, LR and SC, page walks, what crosses pages) the
// guest does itself, while the page has all its rights.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <utility>

#include "arch/vcpu_debug.hpp"
#include "vmmd/arch/riscv64/debug/debug_aids.hpp"
#include "vmmd/arch/riscv64/isa/compressed.hpp"
#include "vmmd/arch/riscv64/isa/opcode.hpp"
#include "vmmd/device.hpp"
#include "vmmd/linear_memory.hpp"

namespace redoubt::vmmd {

namespace {

using gdb::BreakpointKind;
using gdb::Stop;

constexpr std::uint32_t kLoadReserved = 2, kStoreConditional = 3;

bool is_atomic(std::uint32_t instruction) { return (instruction & 0x7F) == isa::kAmo; }
std::uint32_t atomic_function(std::uint32_t instruction) { return instruction >> 27; }

/// Of a load or store, guest-virtual.
std::uint64_t address_of(const abi::VcpuState& state, std::uint32_t instruction) {
    if (isa::instruction_length(instruction) == 2)
        instruction = isa::expand_compressed(static_cast<std::uint16_t>(instruction));
    const auto base = isa::bits(instruction, 15, 5);
    const auto offset = (instruction & 0x7F) == isa::kStore
                            ? isa::bits(instruction, 25, 7) << 5 | isa::bits(instruction, 7, 5)
                            : isa::bits(instruction, 20, 12);
    return (base != 0 ? state.gpr[base] : 0) + isa::sign_extend(offset, 12);
}

/// As one access, if it is aligned: other vCPUs run.
template <class Integer>
void access(std::uint8_t* memory, bool write, std::uint64_t& value) {
    if (reinterpret_cast<std::uintptr_t>(memory) % sizeof(Integer) != 0) {
        std::memcpy(write ? static_cast<void*>(memory) : &value,
                    write ? static_cast<const void*>(&value) : memory, sizeof(Integer));
        return;
    }
    const std::atomic_ref<Integer> there(*reinterpret_cast<Integer*>(memory));
    if (write) {
        there.store(static_cast<Integer>(value));
    } else {
        value = there.load();
    }
}

void access(std::uint8_t* memory, unsigned bytes, bool write, std::uint64_t& value) {
    switch (bytes) {
        case 1:
            return access<std::uint8_t>(memory, write, value);
        case 2:
            return access<std::uint16_t>(memory, write, value);
        case 4:
            return access<std::uint32_t>(memory, write, value);
        default:
            return access<std::uint64_t>(memory, write, value);
    }
}

/// AMO…: what it writes, by funct5.
template <class Signed>
std::optional<Signed> combine(std::uint32_t function, Signed old, Signed source) {
    using Unsigned = std::make_unsigned_t<Signed>;
    const auto a = static_cast<Unsigned>(old), b = static_cast<Unsigned>(source);
    switch (function) {
        case 0x00:
            return static_cast<Signed>(a + b);
        case 0x01:
            return source;
        case 0x04:
            return old ^ source;
        case 0x08:
            return old | source;
        case 0x0C:
            return old & source;
        case 0x10:
            return std::min(old, source);
        case 0x14:
            return std::max(old, source);
        case 0x18:
            return static_cast<Signed>(std::min(a, b));
        case 0x1C:
            return static_cast<Signed>(std::max(a, b));
        default:
            return std::nullopt;
    }
}

struct Exchange {
    std::uint64_t old = 0;  ///< with its sign
    bool changed = false;
};

template <class Signed>
std::optional<Exchange> exchange(std::uint8_t* memory, std::uint32_t function,
                                 std::uint64_t source) {
    const std::atomic_ref<Signed> there(*reinterpret_cast<Signed*>(memory));
    auto old = there.load();
    for (;;) {
        const auto wanted = combine<Signed>(function, old, static_cast<Signed>(source));
        if (!wanted) return std::nullopt;
        if (there.compare_exchange_weak(old, *wanted))
            return Exchange{static_cast<std::uint64_t>(std::int64_t{old}), old != *wanted};
    }
}

}  // namespace

bool VcpuDebug::insert_watchpoint(const gdb::Breakpoint& breakpoint) {
    const auto bytes = breakpoint.bytes;
    if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) return false;
    if (breakpoint.address % bytes != 0) return false;
    if (isa::memory_at(state_, memory_, breakpoint.address, bytes).size() == bytes) {
        return watched_.insert(breakpoint,
                               *isa::physical_address(state_, memory_, breakpoint.address));
    }
    // Another vCPU may have it in its address space.
    return watched_.contains(breakpoint);
}

bool VcpuDebug::watched_access() {
    const auto physical = state_.exit.info1;
    const bool write = (state_.exit.detail & abi::MmioDetail::kWrite) != 0;
    if (memory_.at(hvcall::GuestPhysicalAddress{physical}, 1).empty()) return false;
    // One that was lifted accesses another page as well: both, then.
    if (lift_) end_lift();
    std::array<std::uint8_t, 4> bytes{};
    const auto size = isa::inspect(state_, memory_, state_.pc, bytes);
    if (size < 2) return true;
    const auto instruction = static_cast<std::uint32_t>(load_little_endian(bytes));
    const bool walk = (state_.exit.detail & abi::MmioDetail::kPageTable) != 0;
    if (walk || !emulate(instruction, physical, write)) lift(instruction, physical, write);
    return true;
}

bool VcpuDebug::emulate(std::uint32_t instruction, std::uint64_t physical, bool write) {
    if (isa::instruction_length(instruction) == 4 && is_atomic(instruction))
        return emulate_atomic(instruction, physical);
    const auto decoded = isa::decode_memory_access(instruction);
    if (!decoded || decoded->write != write) return false;
    // What crosses pages faults in the first or in the second of them.
    if (state_.exit.info2 != address_of(state_, instruction) ||
        physical % WatchedPages::kPageBytes + decoded->bytes > WatchedPages::kPageBytes)
        return false;
    const auto memory = memory_.at(hvcall::GuestPhysicalAddress{physical}, decoded->bytes);
    if (memory.empty()) return false;
    auto& general = state_.gpr[decoded->general_register];
    const auto old = load_little_endian(memory);
    std::uint64_t value = write && decoded->general_register != 0 ? general : 0;
    access(memory.data(), decoded->bytes, write, value);
    if (!write && decoded->general_register != 0) general = isa::loaded_value(value, *decoded);
    accessed(physical, decoded->bytes, write, load_little_endian(memory) != old);
    executed(decoded->length);
    return true;
}

bool VcpuDebug::emulate_atomic(std::uint32_t instruction, std::uint64_t physical) {
    const auto width = isa::bits(instruction, 12, 3);
    const auto bytes = std::size_t{1} << width;
    const auto memory = memory_.at(hvcall::GuestPhysicalAddress{physical}, bytes);
    if (width < 2 || width > 3 || physical % bytes != 0 || memory.empty()) return false;
    const auto source = isa::bits(instruction, 20, 5), target = isa::bits(instruction, 7, 5);
    const auto value = source != 0 ? state_.gpr[source] : 0;
    const auto function = atomic_function(instruction);
    const auto done = width == 2 ? exchange<std::int32_t>(memory.data(), function, value)
                                 : exchange<std::int64_t>(memory.data(), function, value);
    if (!done) return false;
    if (target != 0) state_.gpr[target] = done->old;
    accessed(physical, bytes, false, false);
    accessed(physical, bytes, true, done->changed);
    executed(4);
    return true;
}

// -- what the guest does itself

void VcpuDebug::lift(std::uint32_t instruction, std::uint64_t physical, bool write) {
    constexpr std::uint64_t kInstruction = 4;
    const auto page = physical & ~(WatchedPages::kPageBytes - 1);
    const auto memory = memory_.at(hvcall::GuestPhysicalAddress{page}, WatchedPages::kPageBytes);
    lift_ = Lift{page, physical, write, {memory.begin(), memory.end()}, {}, false};
    watched_.lift(page);
    const bool atomic = isa::instruction_length(instruction) == 4 && is_atomic(instruction);
    if (atomic && atomic_function(instruction) == kStoreConditional) {
        // The exit has ended the reservation: it fails, and the guest tries again, unhindered.
        if (const auto target = isa::bits(instruction, 7, 5); target != 0) state_.gpr[target] = 1;
        state_.pc += kInstruction;
        lift_->until = state_.pc;
    } else if (atomic && atomic_function(instruction) == kLoadReserved) {
        // No exit before the SC that follows: at most 16 instructions (8.3), none of them a jump
        // back.
        for (std::uint64_t at = state_.pc + kInstruction; at < state_.pc + 16 * kInstruction;) {
            std::array<std::uint8_t, 4> bytes{};
            if (isa::inspect(state_, memory_, at, bytes) < bytes.size()) break;
            const auto next = static_cast<std::uint32_t>(load_little_endian(bytes));
            const auto length = isa::instruction_length(next);
            at += length;
            if (length != kInstruction || !is_atomic(next)) continue;
            if (atomic_function(next) != kStoreConditional) break;
            lift_->until = at;
            lift_->led_back = true;
            break;
        }
    }
}

bool VcpuDebug::goes_on_lifted() {
    if (!lift_->until || lift_->led_back || state_.pc >= *lift_->until) return false;
    lift_->led_back = true;
    return true;
}

bool VcpuDebug::stays_lifted() {
    if (lift_->until && lift_->led_back) return state_.pc != *lift_->until;
    return state_.pc == stepped_ || goes_on_lifted();
}

void VcpuDebug::end_lift() {
    const auto lifted = *std::exchange(lift_, std::nullopt);
    watched_.unlift(lifted.page);
    const auto memory =
        memory_.at(hvcall::GuestPhysicalAddress{lifted.page}, WatchedPages::kPageBytes);
    // How much an instruction accesses is not known; a watchpoint has at most eight bytes.
    for (std::size_t at = 0; at < memory.size(); at += 8) {
        const bool changed = std::memcmp(&memory[at], &lifted.before[at], 8) != 0;
        if (changed) accessed(lifted.page + at, 8, true, true);
    }
    if (!lifted.write) accessed(lifted.address, 1, false, false);
}

void VcpuDebug::accessed(std::uint64_t physical, std::size_t bytes, bool write, bool changed) {
    const auto hit = watched_.hit(physical, bytes, write);
    if (!hit) return;
    switch (hit->kind) {
        case BreakpointKind::WatchWrite:
            if (changed) report(Stop::Reason::WatchWrite, hit->address);
            return;
        case BreakpointKind::WatchRead:
            return report(Stop::Reason::WatchRead, hit->address);
        default:
            return report(Stop::Reason::WatchAccess, hit->address);
    }
}

}  // namespace redoubt::vmmd
