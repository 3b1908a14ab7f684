// Watchpoints of one VM: memory that its vCPUs may not write, or not access at all, without an
// exit.
//
// The processor gives guests no triggers, but each page of guest-physical memory has its own
// rights.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "libhvcall/vm.hpp"
#include "vmmd/debug/gdb/target.hpp"

namespace redoubt::vmmd {

class WatchedPages {
  public:
    static constexpr std::uint64_t kPageBytes = 4096;

    explicit WatchedPages(hvcall::Vm& vm) : vm_(vm) {}

    /// `physical` is where the watched memory is; it may be inserted several times. False if there
    /// are too many pages with watchpoints, or the processor cannot do it.
    bool insert(const gdb::Breakpoint& watchpoint, std::uint64_t physical);
    void remove(const gdb::Breakpoint& watchpoint);
    bool contains(const gdb::Breakpoint& watchpoint) const;

    /// The watchpoint that an access to [physical, physical + bytes) hits.
    std::optional<gdb::Breakpoint> hit(std::uint64_t physical, std::size_t bytes, bool write) const;
    /// Lets a vCPU access a page as if nothing were watched in it, until as many unlift().
    void lift(std::uint64_t page);
    void unlift(std::uint64_t page);

  private:
    using Access = hvcall::Vm::Access;
    struct Watched {
        gdb::Breakpoint watchpoint;
        std::uint64_t physical = 0;
    };
    struct Page {
        Access access = Access::All;
        unsigned lifted = 0;
    };

    bool update(std::uint64_t page);

    hvcall::Vm& vm_;
    mutable std::mutex mutex_;
    std::vector<Watched> watched_;
    std::map<std::uint64_t, Page> pages_;
};

}  // namespace redoubt::vmmd
