// PageMapper under arbitrary sequences of operations: a failure must change nothing, and in the end
// every table frame must be back. Each operation takes five bytes: kind and size, and a page
// number.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>

#include "arch/page_format.hpp"
#include "kernel/mm/mapper_editing.hpp"
#include "tests/unit/kernel/mm/emulated_memory.hpp"

namespace {

using namespace redoubt::kernel;

constexpr std::size_t kFrames = 12;  // few, so that exhaustion is common
constexpr std::uint64_t kFrameBase = 1ULL << 40;
constexpr std::uint64_t kMaximumPages = 1 << 13;

void require(bool condition) {
    if (!condition) std::abort();
}

class Session {
  public:
    void step(unsigned kind, std::uint64_t page, std::uint64_t count) {
        const VirtualAddress at{page * kPageSize};
        const std::uint64_t bytes = count * kPageSize;
        switch (kind) {
            case 0: {
                const bool free = mapped_in(page, count) == 0;
                const auto result =
                    mapper_.map(at, PhysicalAddress{kFrameBase} + at.value(), bytes, kFlags);
                require(result.ok() ? free
                                    : !free || result.error() == redoubt::abi::Error::NoMemory);
                for (std::uint64_t i = 0; result.ok() && i < count; ++i) pages_[page + i] = true;
                break;
            }
            case 1: {
                const bool full = mapped_in(page, count) == count;
                const auto result = mapper_.unmap(at, bytes);
                require(result.ok() ? full
                                    : !full || result.error() == redoubt::abi::Error::NoMemory);
                for (std::uint64_t i = 0; result.ok() && i < count; ++i) pages_.erase(page + i);
                break;
            }
            case 2: {
                const bool full = mapped_in(page, count) == count;
                const auto result = mapper_.protect(at, bytes, kFlags);
                require(result.ok() ? full
                                    : !full || result.error() == redoubt::abi::Error::NoMemory);
                break;
            }
            default:
                require(mapper_.merge(at).ok() == pages_.contains(page));
                break;
        }
        for (const std::uint64_t probe : {page, page + count - 1, page + count, page - 1}) {
            if (probe >= kMaximumPages) continue;
            const auto found = mapper_.translate(VirtualAddress{probe * kPageSize});
            require(found.has_value() == pages_.contains(probe));
            if (found) require(found->address.value() == kFrameBase + probe * kPageSize);
        }
    }

    void finish() {
        mapper_.destroy_all();
        require(pool_.free_count() == kFrames);
    }

  private:
    static constexpr PageFlags kFlags = PageFlags{}.read().write();

    std::uint64_t mapped_in(std::uint64_t page, std::uint64_t count) const {
        std::uint64_t mapped = 0;
        for (auto i = pages_.lower_bound(page); i != pages_.end() && i->first < page + count; ++i)
            ++mapped;
        return mapped;
    }

    test::EmulatedMemory memory_{kFrames + 1};
    FramePool pool_{memory_.frame(1), kFrames};
    EditingMapper<UserPageFormat> mapper_{memory_.frame(0), pool_};
    std::map<std::uint64_t, bool> pages_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Session session;
    for (std::size_t i = 0; i + 5 <= size; i += 5) {
        const std::uint64_t page = (data[i + 1] | unsigned{data[i + 2]} << 8) % kMaximumPages;
        std::uint64_t count = 1 + (data[i + 3] | unsigned{data[i + 4]} << 8) % 2048;
        if (count > kMaximumPages - page) count = kMaximumPages - page;
        session.step(data[i] & 3, (data[i] & 4) != 0 ? page & ~511ULL : page, count);
    }
    session.finish();
    return 0;
}
