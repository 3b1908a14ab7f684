// What a conclusion from guest memory rests on, so that it can be kept without being told of
// changes.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "libhvcall/guest_memory.hpp"

namespace redoubt::vmmd::isa {

/// Bytes of guest memory that something was concluded from. As long as they are the same, so is
/// the conclusion: whoever kept it looks at them again instead of drawing it again. Guest memory
/// stays where it is for as long as there are vCPUs.
class Evidence {
  public:
    /// None so far, on which everything holds.
    void begin() {
        count_ = 0;
        complete_ = true;
    }
    /// The conclusion also rests on what is not told here: it never holds.
    void give_up() { complete_ = false; }

    /// `bytes` were read from `address`, or were written there.
    void add(const hvcall::GuestMemory& memory, std::uint64_t address,
             std::span<const std::uint8_t> bytes) {
        while (!bytes.empty()) {
            const auto offset = address % sizeof(std::uint64_t);
            const auto part = std::min<std::size_t>(sizeof(std::uint64_t) - offset, bytes.size());
            const auto host =
                memory.at(hvcall::GuestPhysicalAddress{address - offset}, sizeof(std::uint64_t));
            if (host.empty() || count_ == words_.size()) return give_up();
            const auto shift = 8 * offset;
            auto& word = words_[count_++];
            word = {host.data(), ~std::uint64_t{0} >> (64 - 8 * part) << shift, 0};
            std::memcpy(&word.value, bytes.data(), part);
            word.value <<= shift;
            bytes = bytes.subspan(part);
            address += part;
        }
    }
    template <std::integral T>
    void add(const hvcall::GuestMemory& memory, std::uint64_t address, const T& value) {
        add(memory, address, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
    }

    bool holds() const {
        if (!complete_) return false;
        for (std::size_t i = 0; i < count_; ++i) {
            std::uint64_t value;
            std::memcpy(&value, std::assume_aligned<sizeof value>(words_[i].host), sizeof value);
            if ((value & words_[i].mask) != words_[i].value) return false;
        }
        return true;
    }

  private:
    struct Word {
        const std::uint8_t* host = nullptr;
        std::uint64_t mask = 0, value = 0;
    };

    bool complete_ = false;
    std::uint32_t count_ = 0;
    /// Page tables of five levels and an instruction, or four and one of three words.
    std::array<Word, 7> words_{};
};

}  // namespace redoubt::vmmd::isa
