// A process without privileges: a thread with a CNode of its own, in which is only what it was
// granted. It runs in its maker's address space, so that its findings need no channel.
#pragma once

#include <cstdint>

#include "tests/rights/world.hpp"
#include "tests/system/fuzz/support.hpp"

namespace redoubt::rights {

inline constexpr unsigned kChildCNodeBits = 15;  ///< 512 slots

/// Slots of the child's CNode.
enum ChildSlot : Slot {
    kChildCNode = 1,
    kChildSpace,
    kChildPool,
    kChildIrqControl,
    kChildPorts,
    kChildHv,
    kChildDone,
    kChildFirstEmpty,
};

inline constexpr Granted kChildGrants{kChildPool,  kChildCNode, kChildIrqControl,
                                      kChildPorts, kChildHv,    kChildFirstEmpty};

inline constexpr std::uint64_t kChildBuffers = 0x2000'0000;  ///< one page each
inline constexpr std::uint32_t kChildPriority = 100;
inline constexpr unsigned kStacks = 8;  ///< the child, and threads that it starts
inline constexpr std::uint64_t kStackBytes = 16384;

/// What the child runs, and where it says what it found.
struct Report {
    static constexpr unsigned kMaximum = 20;

    std::uint64_t tried = 0;
    unsigned count = 0;
    const char* texts[kMaximum] = {};
    std::uint64_t numbers[kMaximum][3] = {};

    void add(const char* text, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0) {
        if (count < kMaximum) {
            texts[count] = text;
            numbers[count][0] = a;
            numbers[count][1] = b;
            numbers[count][2] = c;
        }
        ++count;
    }
    void check(bool held, const char* text, std::uint64_t a = 0, std::uint64_t b = 0,
               std::uint64_t c = 0) {
        ++tried;
        if (!held) add(text, a, b, c);
    }
};

/// One part of the tests, run by the child with everything it was granted, and nothing else.
using Part = void(Report& report);

/// Starts a thread in the child's own world; for use by the child.
Slot start_thread(Slot& next_slot, unsigned index, void (*entry)(), std::uint32_t priority,
                  std::uint64_t argument = 0);

Part try_rights, try_random_sequences;

/// Of the command line; 0 rounds: a few.
extern std::uint64_t option_seed, option_rounds;

}  // namespace redoubt::rights
