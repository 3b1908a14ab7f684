// What a mapping permits, independent of the table format. Starts with no rights or with those of
// a system call; the builder adds others.
#pragma once

#include <cstdint>

#include "abi/object.hpp"

namespace redoubt::kernel {

class PageFlags {
  public:
    constexpr PageFlags() = default;
    constexpr explicit PageFlags(abi::MapFlags flags) : bits_{static_cast<std::uint8_t>(flags)} {}

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
    static constexpr auto kRead = static_cast<std::uint8_t>(abi::MapFlags::Read),
                          kWrite = static_cast<std::uint8_t>(abi::MapFlags::Write),
                          kExecute = static_cast<std::uint8_t>(abi::MapFlags::Execute),
                          kUncached = static_cast<std::uint8_t>(abi::MapFlags::Uncached),
                          kWriteCombining =
                              static_cast<std::uint8_t>(abi::MapFlags::WriteCombining);
    static constexpr std::uint8_t kUser = 64, kGlobal = 128;

    constexpr PageFlags with(std::uint8_t bit) const {
        PageFlags result = *this;
        result.bits_ = static_cast<std::uint8_t>(bits_ | bit);
        return result;
    }
    constexpr bool has(std::uint8_t bit) const { return (bits_ & bit) != 0; }

    std::uint8_t bits_ = 0;
};

}  // namespace redoubt::kernel
