// Pages of a VM's memory with other rights than what is around them, for backends whose processors
// can be asked to tell of every access.
#pragma once

#include <cstdint>

#include "abi/hv.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/hv/vm.hpp"
#include "kernel/mm/flags.hpp"
#include "kernel/mm/mapper_editing.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel::hv {

template <class Format>
struct PageRights {
    /// A large leaf is in pieces while a page in it has other rights. It grows no larger again than
    /// the frame, which is to be unmapped without a table.
    static Result<void> protect(Vm& vm, GuestPhysicalAddress page, PageFlags flags,
                                std::uint64_t frame_bytes) {
        EditingMapper<Format> mapper{vm.root, vm.pool};
        const auto before = mapper.translate(page);
        if (!before) return abi::Error::NotMapped;
        if (before->leaf_bytes > kPageSize && vm.split_pages == abi::hv::kMaximumSplitPages)
            return abi::Error::NoMemory;
        auto changed = mapper.protect(page, kPageSize, flags);
        // Also what a failure left in pieces.
        const std::uint64_t after = REDOUBT_TRY(mapper.merge(page, frame_bytes));
        if (after < before->leaf_bytes) ++vm.split_pages;
        if (after > before->leaf_bytes) --vm.split_pages;
        REDOUBT_TRY(changed).apply(
            [&](GuestPhysicalAddress, std::uint64_t) { ++vm.flush_generation; });
        vm_flush(vm);
        return {};
    }

    /// Before a frame is unmapped: it takes its large leaves along, whole or in pieces.
    static void forget(Vm& vm, GuestPhysicalAddress address, std::uint64_t bytes) {
        using Mapper = PageMapper<Format>;
        constexpr std::uint64_t kLarge = Mapper::leaf_bytes(1);
        if (vm.split_pages == 0) return;
        for (std::uint64_t done = 0; done + kLarge <= bytes; done += kLarge) {
            const auto translation = Mapper::translate_at(vm.root, address + done);
            if (translation && translation->leaf_bytes < kLarge) --vm.split_pages;
        }
    }
};

}  // namespace redoubt::kernel::hv
