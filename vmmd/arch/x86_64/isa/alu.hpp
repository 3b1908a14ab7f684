// Arithmetic with flags, for operands of 1, 2, 4 and 8 bytes (APM vol. 1 section 3.1.4).
#pragma once

#include <bit>
#include <cstdint>

namespace redoubt::vmmd::isa {

namespace rflags {
inline constexpr std::uint64_t kCarry = 1U << 0;
inline constexpr std::uint64_t kParity = 1U << 2;
inline constexpr std::uint64_t kAdjust = 1U << 4;
inline constexpr std::uint64_t kZero = 1U << 6;
inline constexpr std::uint64_t kSign = 1U << 7;
inline constexpr std::uint64_t kInterrupt = 1U << 9;
inline constexpr std::uint64_t kDirection = 1U << 10;
inline constexpr std::uint64_t kOverflow = 1U << 11;
inline constexpr std::uint64_t kAlignmentCheck = 1U << 18;
inline constexpr std::uint64_t kArithmetic = kCarry | kParity | kAdjust | kZero | kSign | kOverflow;
}  // namespace rflags

constexpr std::uint64_t size_mask(unsigned bytes) {
    return bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * bytes)) - 1;
}
constexpr std::uint64_t sign_bit(unsigned bytes) { return std::uint64_t{1} << (8 * bytes - 1); }
constexpr std::uint64_t sign_extend(std::uint64_t value, unsigned bytes) {
    const auto sign = sign_bit(bytes);
    return ((value & size_mask(bytes)) ^ sign) - sign;
}

/// One operand size and the flags register it works on.
class Alu {
  public:
    Alu(unsigned bytes, std::uint64_t& flags) : bytes_(bytes), flags_(flags) {}

    std::uint64_t add(std::uint64_t a, std::uint64_t b, bool carry_in = false) {
        a &= mask();
        b &= mask();
        const auto result = (a + b + (carry_in ? 1 : 0)) & mask();
        const bool carry = result < a || (carry_in && result == a);
        set(result, carry, ((a ^ result) & (b ^ result) & sign_bit(bytes_)) != 0, a ^ b ^ result);
        return result;
    }
    std::uint64_t subtract(std::uint64_t a, std::uint64_t b, bool borrow_in = false) {
        a &= mask();
        b &= mask();
        const auto result = (a - b - (borrow_in ? 1 : 0)) & mask();
        const bool carry = a < b || (borrow_in && a == b);
        set(result, carry, ((a ^ b) & (a ^ result) & sign_bit(bytes_)) != 0, a ^ b ^ result);
        return result;
    }
    /// AND, OR, XOR and TEST: carry and overflow cleared.
    std::uint64_t logic(std::uint64_t result) {
        result &= mask();
        set(result, false, false, 0);
        return result;
    }
    std::uint64_t increment(std::uint64_t a) {
        const auto carry = flags_ & rflags::kCarry;
        const auto result = add(a, 1);
        flags_ = (flags_ & ~rflags::kCarry) | carry;
        return result;
    }
    std::uint64_t decrement(std::uint64_t a) {
        const auto carry = flags_ & rflags::kCarry;
        const auto result = subtract(a, 1);
        flags_ = (flags_ & ~rflags::kCarry) | carry;
        return result;
    }
    std::uint64_t multiply_signed(std::uint64_t a, std::uint64_t b) {
        const auto product =
            static_cast<__int128>(static_cast<std::int64_t>(sign_extend(a, bytes_))) *
            static_cast<std::int64_t>(sign_extend(b, bytes_));
        const auto result = static_cast<std::uint64_t>(product) & mask();
        const bool lost = product != static_cast<std::int64_t>(sign_extend(result, bytes_));
        set(result, lost, lost, 0);
        return result;
    }
    void set_carry(bool carry) {
        flags_ = (flags_ & ~rflags::kCarry) | (carry ? rflags::kCarry : 0);
    }
    std::uint64_t mask() const { return size_mask(bytes_); }

  private:
    void set(std::uint64_t result, bool carry, bool overflow, std::uint64_t adjust) {
        std::uint64_t flags = flags_ & ~rflags::kArithmetic;
        if (carry) flags |= rflags::kCarry;
        if (overflow) flags |= rflags::kOverflow;
        if ((adjust & 0x10) != 0) flags |= rflags::kAdjust;
        if (result == 0) flags |= rflags::kZero;
        if ((result & sign_bit(bytes_)) != 0) flags |= rflags::kSign;
        if (std::popcount(static_cast<std::uint8_t>(result)) % 2 == 0) flags |= rflags::kParity;
        flags_ = flags;
    }

    unsigned bytes_;
    std::uint64_t& flags_;
};

/// The condition of Jcc, SETcc and CMOVcc by the low four bits of the opcode.
constexpr bool condition_holds(unsigned condition, std::uint64_t flags) {
    const bool sign = (flags & rflags::kSign) != 0;
    const bool overflow = (flags & rflags::kOverflow) != 0;
    bool result = false;
    switch (condition >> 1) {
        case 0:
            result = overflow;
            break;
        case 1:
            result = (flags & rflags::kCarry) != 0;
            break;
        case 2:
            result = (flags & rflags::kZero) != 0;
            break;
        case 3:
            result = (flags & (rflags::kCarry | rflags::kZero)) != 0;
            break;
        case 4:
            result = sign;
            break;
        case 5:
            result = (flags & rflags::kParity) != 0;
            break;
        case 6:
            result = sign != overflow;
            break;
        default:
            result = sign != overflow || (flags & rflags::kZero) != 0;
            break;
    }
    return result != ((condition & 1) != 0);
}

}  // namespace redoubt::vmmd::isa
