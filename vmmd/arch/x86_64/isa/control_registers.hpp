// Bits of the control registers and of EFER (APM vol. 2, 3.1.1, 3.1.3 and 3.1.7), by the manual's
// names.
#pragma once

#include <cstdint>

namespace redoubt::vmmd::isa {

namespace cr0 {
inline constexpr std::uint64_t kPe = 1U << 0;
inline constexpr std::uint64_t kEt = 1U << 4;
inline constexpr std::uint64_t kNe = 1U << 5;
inline constexpr std::uint64_t kWp = 1U << 16;
inline constexpr std::uint64_t kNw = 1U << 29;
inline constexpr std::uint64_t kCd = 1U << 30;
inline constexpr std::uint64_t kPg = 1U << 31;
}  // namespace cr0

namespace cr4 {
inline constexpr std::uint64_t kDe = 1U << 3;
inline constexpr std::uint64_t kPse = 1U << 4;
inline constexpr std::uint64_t kPae = 1U << 5;
inline constexpr std::uint64_t kOsxsave = 1U << 18;
inline constexpr std::uint64_t kSmep = 1U << 20;
inline constexpr std::uint64_t kSmap = 1U << 21;
}  // namespace cr4

namespace efer {
inline constexpr std::uint64_t kSce = 1U << 0;
inline constexpr std::uint64_t kLme = 1U << 8;
inline constexpr std::uint64_t kLma = 1U << 10;
inline constexpr std::uint64_t kNxe = 1U << 11;
inline constexpr std::uint64_t kFfxsr = 1U << 14;
}  // namespace efer

}  // namespace redoubt::vmmd::isa
