// A VM's second-level tables in a backend's format. Stale translations go by way of
// Vm::flush_generation.
#pragma once

#include <cstdint>

#include "abi/vcpu_state.hpp"
#include "kernel/hv/vm.hpp"
#include "kernel/mm/flags.hpp"
#include "kernel/mm/mapper.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel::hv {

template <class Format>
struct SecondLevel {
    using Mapper = PageMapper<Format>;

    static Result<void> map(Vm& vm, GuestPhysicalAddress address, PhysicalAddress frame,
                            std::uint64_t bytes, PageFlags flags) {
        Mapper mapper{vm.root, vm.pool};
        // Where a processor caches that nothing was there, permits() finds out.
        REDOUBT_TRY(mapper.map(address, frame, bytes, flags)).ignore();
        return {};
    }

    static void unmap(Vm& vm, GuestPhysicalAddress address, std::uint64_t bytes) {
        Mapper mapper{vm.root, vm.pool};
        auto flush = mapper.unmap(address, bytes);
        if (!flush.ok()) return;
        flush.value().apply([&](GuestPhysicalAddress, std::uint64_t) { ++vm.flush_generation; });
    }

    /// Do the tables permit the access of this Mmio exit?
    static bool permits(const Vm& vm, const abi::Exit& exit) {
        const auto translation = Mapper::translate_at(vm.root, GuestPhysicalAddress{exit.info1});
        if (!translation) return false;
        if ((exit.detail & abi::MmioDetail::kWrite) != 0 && !translation->flags.is_writable())
            return false;
        constexpr auto kFetch = abi::MmioDetail::kFetch, kWalk = abi::MmioDetail::kPageTable;
        return (exit.detail & (kFetch | kWalk)) == kFetch ? translation->flags.is_executable()
                                                          : translation->flags.is_readable();
    }
};

}  // namespace redoubt::kernel::hv
