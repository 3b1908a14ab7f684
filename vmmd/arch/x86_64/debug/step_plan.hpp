// Which instructions need more than RFLAGS.TF for a single step.
#pragma once

#include <cstdint>
#include <span>

#include "vmmd/arch/x86_64/isa/instruction.hpp"

namespace redoubt::vmmd {

struct StepPlan {
    enum class Kind {
        Plain,              ///< TF will do
        PushFlags,          ///< TF will do, and be in what is pushed
        SystemCall,         ///< SYSCALL: the kernel usually has it clear TF
        SystemReturn,       ///< SYSRET: replaces TF
        SoftwareInterrupt,  ///< INT3, INT n: clears TF and pushes it
    };
    Kind kind = Kind::Plain;
    std::uint8_t vector = 0;  ///< SoftwareInterrupt
    std::uint8_t length = 0;  ///< SoftwareInterrupt
};

/// Of the instruction that `bytes` begin with.
StepPlan plan_step(std::span<const std::uint8_t> bytes, isa::CodeMode mode);

}  // namespace redoubt::vmmd
