// Cutting a physical range into naturally aligned powers of two, as Untyped and Frame capabilities
// are.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "kernel/mm/address.hpp"

namespace redoubt::kernel {

/// Calls `visit(address, size_bits)` for the largest possible blocks of [start, end), in order.
/// Both ends are page-aligned.
template <class Visitor>
void for_each_block(PhysicalAddress start, PhysicalAddress end, unsigned maximum_bits,
                    Visitor&& visit) {
    while (start < end) {
        const unsigned alignment =
            start.value() == 0 ? 63 : static_cast<unsigned>(std::countr_zero(start.value()));
        const unsigned fitting = static_cast<unsigned>(std::bit_width(end - start)) - 1;
        const unsigned bits = std::min({alignment, fitting, maximum_bits});
        visit(start, bits);
        start += std::uint64_t{1} << bits;
    }
}

}  // namespace redoubt::kernel
