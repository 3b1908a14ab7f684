// Which rights the pages have.
#include "vmmd/arch/riscv64/debug/watched_pages.hpp"

#include <algorithm>

#include "libhvcall/error.hpp"

namespace redoubt::vmmd {

namespace {

using gdb::BreakpointKind;

constexpr std::uint64_t page_of(std::uint64_t address) {
    return address & ~(WatchedPages::kPageBytes - 1);
}

}  // namespace

bool WatchedPages::insert(const gdb::Breakpoint& watchpoint, std::uint64_t physical) {
    const std::scoped_lock lock(mutex_);
    for (const auto& other : watched_) {
        if (other.watchpoint == watchpoint && other.physical == physical) return true;
    }
    watched_.push_back({watchpoint, physical});
    if (update(page_of(physical))) return true;
    watched_.pop_back();
    update(page_of(physical));
    return false;
}

void WatchedPages::remove(const gdb::Breakpoint& watchpoint) {
    const std::scoped_lock lock(mutex_);
    const auto old = watched_;
    std::erase_if(watched_, [&](const Watched& other) { return other.watchpoint == watchpoint; });
    for (const auto& watched : old) update(page_of(watched.physical));
}

bool WatchedPages::contains(const gdb::Breakpoint& watchpoint) const {
    const std::scoped_lock lock(mutex_);
    return std::ranges::find(watched_, watchpoint, &Watched::watchpoint) != watched_.end();
}

std::optional<gdb::Breakpoint> WatchedPages::hit(std::uint64_t physical, std::size_t bytes,
                                                 bool write) const {
    const std::scoped_lock lock(mutex_);
    for (const auto& [watchpoint, at] : watched_) {
        if (at >= physical + bytes || physical >= at + watchpoint.bytes) continue;
        if (watchpoint.kind == (write ? BreakpointKind::WatchRead : BreakpointKind::WatchWrite))
            continue;
        return watchpoint;
    }
    return std::nullopt;
}

void WatchedPages::lift(std::uint64_t page) {
    const std::scoped_lock lock(mutex_);
    ++pages_[page_of(page)].lifted;
    update(page_of(page));
}

void WatchedPages::unlift(std::uint64_t page) {
    const std::scoped_lock lock(mutex_);
    --pages_[page_of(page)].lifted;
    update(page_of(page));
}

/// Gives the page the rights it is to have now.
bool WatchedPages::update(std::uint64_t page) {
    auto& state = pages_[page];
    auto wanted = Access::All;
    for (const auto& [watchpoint, at] : watched_) {
        if (page_of(at) != page || state.lifted != 0) continue;
        if (watchpoint.kind != BreakpointKind::WatchWrite) {
            wanted = Access::Fetch;
        } else if (wanted == Access::All) {
            wanted = Access::NoWrite;
        }
    }
    try {
        if (state.access != wanted) vm_.protect(hvcall::GuestPhysicalAddress{page}, wanted);
        state.access = wanted;
    } catch (const hvcall::HypervisorError&) {
        return false;
    }
    if (wanted == Access::All && state.lifted == 0) pages_.erase(page);
    return true;
}

}  // namespace redoubt::vmmd
