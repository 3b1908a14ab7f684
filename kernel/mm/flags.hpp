// What a mapping permits, independent of the table format. Starts with no rights; the builder adds
// them.
#pragma once

#include <cstdint>

namespace redoubt::kernel {

class PageFlags {
  public:
    constexpr PageFlags() = default;

    constexpr PageFlags read() const { return with(kRead); }
    constexpr PageFlags write() const { return with(kWrite); }
    constexpr PageFlags execute() const { return with(kExecute); }
    constexpr PageFlags user() const { return with(kUser); }
    constexpr PageFlags global() const { return with(kGlobal); }
    constexpr PageFlags uncached() const { return with(kUncached); }
    constexpr PageFlags write_combining() const { return with(kWriteCombining); }

    constexpr bool is_readable() const { return has(kRead); }
    constexpr bool is_writable() const { return has(kWrite); }
    constexpr bool is_executable() const { return has(kExecute); }
    constexpr bool is_user() const { return has(kUser); }
    constexpr bool is_global() const { return has(kGlobal); }
    constexpr bool is_uncached() const { return has(kUncached); }
    constexpr bool is_write_combining() const { return has(kWriteCombining); }

    constexpr bool operator==(const PageFlags&) const = default;

  private:
    static constexpr std::uint8_t kRead = 1, kWrite = 2, kExecute = 4, kUser = 8, kGlobal = 16,
                                  kUncached = 32, kWriteCombining = 64;

    constexpr PageFlags with(std::uint8_t bit) const {
        PageFlags result = *this;
        result.bits_ = static_cast<std::uint8_t>(bits_ | bit);
        return result;
    }
    constexpr bool has(std::uint8_t bit) const { return (bits_ & bit) != 0; }

    std::uint8_t bits_ = 0;
};

}  // namespace redoubt::kernel
