// A virtual machine of the stress test: one vCPU, 64 KiB of memory, and one more page.
#pragma once

#include "abi/hv.hpp"
#include "abi/scheme.hpp"
#include "tests/system/hv/request.hpp"
#include "tests/system/smp/guest.hpp"
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

/// Where its task sees it.
struct Window {
    explicit Window(const Task& task) : base{task.window} {}
    std::uint64_t buffer() const { return base; }
    abi::VcpuState& state() const { return *reinterpret_cast<abi::VcpuState*>(base + 0x1000); }
    volatile unsigned char* memory() const {
        return reinterpret_cast<volatile unsigned char*>(base + 0x10000);
    }
    volatile std::uint16_t& word(std::uint64_t offset) const {
        return *reinterpret_cast<volatile std::uint16_t*>(memory() + offset);
    }
    volatile std::uint16_t& page() const {
        return *reinterpret_cast<volatile std::uint16_t*>(base + 0x30000);
    }
    void copy(std::uint64_t offset, Program code) const {
        auto* to = memory() + offset;
        for (const unsigned char byte : code) *to++ = byte;
    }
    std::uint64_t base;
};

/// Without the page, which is its task's alone so far. It starts with `code`.
void make_machine(Task& task, Program code);

}  // namespace redoubt::stress
