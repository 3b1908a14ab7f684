// A virtual machine of the stress test: one vCPU in real mode, 64 KiB of memory that begins with
// its code's segment, and one more page.
#pragma once

#include <span>

#include "abi/hv.hpp"
#include "abi/scheme.hpp"
#include "abi/x86_64/vcpu_state.hpp"
#include "tests/system/hv/request.hpp"
#include "tests/system/smp/stress.hpp"

namespace redoubt::stress {

/// Of its task's slots.
enum GuestSlot : Slot {
    kVm,
    kRunner,
    kRunnerBuffer,
    kVcpu,
    kState,
    kMemory,
    kGuestMemory,
    kPage,
    kGuestPage
};
inline constexpr std::uint64_t kCodeOffset = 0x1000;
inline constexpr std::uint64_t kMemoryAddress = 0x10000, kPageAddress = 0x40000;  // the guest's

/// Where its task sees it.
struct Window {
    explicit Window(const Task& task) : base{task.window} {}
    std::uint64_t buffer() const { return base; }
    abi::VcpuState& state() const { return *reinterpret_cast<abi::VcpuState*>(base + 0x1000); }
    volatile std::uint16_t& word(std::uint64_t offset) const {
        return *reinterpret_cast<volatile std::uint16_t*>(base + 0x10000 + offset);
    }
    volatile std::uint16_t& page() const {
        return *reinterpret_cast<volatile std::uint16_t*>(base + 0x30000);
    }
    void copy(std::uint64_t offset, std::span<const unsigned char> code) const {
        auto* to = reinterpret_cast<volatile unsigned char*>(base + 0x10000 + offset);
        for (const unsigned char byte : code) *to++ = byte;
    }
    std::uint64_t base;
};

/// Without the page, which is its task's alone so far. It starts with `code`.
void make_machine(Task& task, std::span<const unsigned char> code);

}  // namespace redoubt::stress
