// What a reader of a VM's exit trace gets.
#pragma once

#include <optional>
#include <string>

#include "vmmd/clock.hpp"
#include "vmmd/trace/exit_trace.hpp"

namespace redoubt::vmmd {

/// One exit for people and clients.
struct TraceEntry {
    unsigned vcpu = 0;
    Nanoseconds time;  ///< since the VM was started
    ExitRecord record;
    std::string text;     ///< "out 0x3f8 byte 0x41"
    std::string handler;  ///< "serial"; empty: no device
};

/// Which exits somebody wants to see.
struct TraceQuery {
    std::optional<unsigned> vcpu{};       ///< only this one's
    std::size_t count = ~std::size_t{0};  ///< the newest
    std::optional<Nanoseconds> after{};   ///< only later ones
};

}  // namespace redoubt::vmmd
