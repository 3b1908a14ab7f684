// What the holder of the kernel lock makes other processors do.
//
// A processor acknowledges a request only while it waits for the lock: then what its thread or
// guest had in registers is saved, and it stays there until the lock is given back. Whatever a
// processor uses without the lock, between giving it back and taking it again, therefore cannot go
// away: whoever ends it asks first.
#pragma once

#include <cstdint>

#include "arch/cpu.hpp"
#include "kernel/mm/address.hpp"
#include "kernel/object/thread.hpp"

namespace redoubt::kernel {

/// Sets of processors: bit i is the one of index i.
using ProcessorMask = std::uint64_t;
constexpr ProcessorMask processor_bit(unsigned index) { return ProcessorMask{1} << index; }

/// Is it another processor's current thread?
inline bool runs_elsewhere(const Thread& thread) {
    return thread.state == ThreadState::Running && thread.processor != this_cpu().index;
}

/// Makes the processor that runs `thread`, if another one does, leave user mode or its guest until
/// the lock is given back. Nothing of the thread is in its registers afterwards, not even
/// floating-point state, and it chooses a thread anew.
void hold_thread(const Thread& thread);

/// Before the lock is given back, every processor forgets translations of an address space. Others
/// do it when complete_flushes() asks them for all of it at once, so nothing that was mapped there
/// may be given a new use in the same step.
void flush_translations(PhysicalAddress root, VirtualAddress first, std::uint64_t bytes);
/// Likewise makes these processors, this one excepted, leave their guests: they find out what has
/// changed before they enter again.
void flush_guests(ProcessorMask processors);
/// Asks the other processors, if there is something to be forgotten. Called where a thread is
/// chosen, which the flushes above see to.
void complete_flushes();

/// The address space goes away: no processor has it active any more.
void leave_address_space(PhysicalAddress root);

/// For a processor that waits for the lock: does what is asked of it, if anything is.
void serve_requests();

}  // namespace redoubt::kernel
