// The guest's code around an address, read through its own page tables.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "abi/vcpu_state.hpp"
#include "arch/disassembler.hpp"
#include "libhvcall/guest_memory.hpp"

namespace redoubt::vmmd {

struct CodeListing {
    std::uint64_t address = 0;  ///< linear, of the first instruction in `code`
    std::string mode;           ///< "64-bit", "32-bit", "16-bit", "real mode"
    std::vector<isa::DisassembledInstruction> before;  ///< a guess
    std::vector<isa::DisassembledInstruction> code;
    std::string problem;  ///< why the code ends, or is not there at all; empty: it goes on
};

/// At most that many instructions before `linear` and from it on. `state` says how the vCPU
/// translates addresses and reads code; leaves no trace in the guest.
CodeListing list_code(const abi::VcpuState& state, const hvcall::GuestMemory& memory,
                      std::uint64_t linear, std::size_t before, std::size_t after);

/// A line for each instruction, each ended; the one at `address` marked with ">".
std::string to_text(const CodeListing& listing);

}  // namespace redoubt::vmmd
