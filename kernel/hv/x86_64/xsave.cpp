// See xsave.hpp.
#include "kernel/hv/x86_64/xsave.hpp"

namespace redoubt::kernel::hv {
namespace {

constexpr std::uint64_t kX87 = 1U << 0, kSse = 1U << 1, kAvx = 1U << 2, kMpx = 3U << 3,
                        kAvx512 = 7U << 5, kPkru = 1U << 9, kAmx = 3U << 17;
constexpr std::size_t kMxcsrOffset = 24;
constexpr std::uint32_t kMxcsrMask = 0xFFFF;

struct XsaveHeader {
    static constexpr std::size_t kOffset = 512;
    std::uint64_t xstate_bv;
    std::uint64_t rest[7];
};

}  // namespace

std::uint64_t sanitized_xcr0(std::uint64_t wanted, std::uint64_t host_features) {
    std::uint64_t xcr0 = wanted & host_features & (kSse | kAvx | kMpx | kAvx512 | kPkru | kAmx);
    const auto drop_unless = [&](std::uint64_t bits, bool condition) {
        if (!condition) xcr0 &= ~bits;
    };
    drop_unless(kAvx, (xcr0 & kSse) != 0);
    drop_unless(kAvx512, (xcr0 & kAvx512) == kAvx512 && (xcr0 & kAvx) != 0);
    drop_unless(kMpx, (xcr0 & kMpx) == kMpx);
    drop_unless(kAmx, (xcr0 & kAmx) == kAmx);
    return xcr0 | kX87;
}

void sanitize_fpu_area(void* area, std::uint64_t host_features) {
    auto* bytes = static_cast<std::uint8_t*>(area);
    auto& mxcsr = *reinterpret_cast<std::uint32_t*>(bytes + kMxcsrOffset);
    mxcsr &= kMxcsrMask;
    if (host_features == 0) return;
    auto& header = *reinterpret_cast<XsaveHeader*>(bytes + XsaveHeader::kOffset);
    header.xstate_bv &= host_features;
    for (auto& word : header.rest) word = 0;
}

}  // namespace redoubt::kernel::hv
