// How objects end whose last capability was deleted: in small steps, between which interrupts are
// taken, and never one inside the other.
#pragma once

#include "kernel/object/object.hpp"

namespace redoubt::kernel {

/// What may be done before interrupts are looked for. The unit is about ten instructions.
class Budget {
  public:
    static constexpr unsigned kStep = 1024;
    static constexpr unsigned kDeletion = 32;  ///< of a capability, or cancelling a call
    static constexpr unsigned kMapping = 4;    ///< forgetting one
    static constexpr unsigned kEntry = 1;      ///< of a table, emptied
    static constexpr unsigned kSlot = 1;       ///< looking at one

    /// False if there is nothing left to spend.
    bool spend(unsigned units) {
        if (left_ == 0) return false;
        left_ = left_ > units ? left_ - units : 0;
        return true;
    }

  private:
    unsigned left_ = kStep;
};

/// Objects that one operation has to end before it is complete.
class DyingObjects {
  public:
    DyingObjects() = default;
    DyingObjects(const DyingObjects&) = delete;
    DyingObjects& operator=(const DyingObjects&) = delete;

    bool empty() const { return head_.next_dying == &head_; }
    void add(ObjectHeader& object);
    /// Takes all of the other's.
    void take(DyingObjects& other);
    /// Forgets all of them.
    void clear() { head_ = {&head_, &head_}; }
    /// Ends them, and what dies through that. True if that is complete.
    bool end_some(Budget& budget);

  private:
    DyingLink head_;
};

/// Ends a dying object, wherever it is listed. False if the budget did not suffice.
bool end_some(ObjectHeader& object, Budget& budget, DyingObjects& dying);

/// What nobody waits for: left by threads that are gone. The scheduler ends them, a step at a time.
inline constinit DyingObjects left_behind;
inline DyingObjects& orphans() { return left_behind; }

/// Makes frames mapped in `space` forget it, without touching page tables: for the end of a space.
/// False if the budget did not suffice.
bool forget_mappings(SpaceObject& space, Budget& budget);

}  // namespace redoubt::kernel
