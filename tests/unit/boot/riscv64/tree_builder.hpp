// Makes flattened device trees for tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace redoubt::boot::testing {

class TreeBuilder {
  public:
    TreeBuilder& begin(std::string_view name) {
        word(1);
        text(name);
        return *this;
    }
    TreeBuilder& end() {
        word(2);
        return *this;
    }
    TreeBuilder& cells(std::string_view name, std::initializer_list<std::uint32_t> values) {
        header(name, values.size() * 4);
        for (const std::uint32_t value : values) word(value);
        return *this;
    }
    TreeBuilder& string(std::string_view name, std::string_view value) {
        header(name, value.size() + 1);
        text(value);
        return *this;
    }
    TreeBuilder& nop() {
        word(4);
        return *this;
    }
    TreeBuilder& reserve(std::uint64_t address, std::uint64_t bytes) {
        for (const std::uint64_t value : {address, bytes}) {
            append(reservations_, static_cast<std::uint32_t>(value >> 32));
            append(reservations_, static_cast<std::uint32_t>(value));
        }
        return *this;
    }

    std::vector<std::byte> build() const {
        constexpr std::uint32_t kHeader = 40;
        auto reservations = reservations_;
        for (unsigned i = 0; i < 4; ++i) append(reservations, 0);
        auto structure = structure_;
        append(structure, 9);
        const auto size = [](const auto& bytes) {
            return static_cast<std::uint32_t>(bytes.size());
        };
        const std::uint32_t structure_at = kHeader + size(reservations);
        const std::uint32_t strings_at = structure_at + size(structure);
        std::vector<std::byte> blob;
        for (const std::uint32_t value :
             {0xD00DFEEDU, strings_at + size(strings_), structure_at, strings_at, kHeader, 17U, 16U,
              0U, size(strings_), size(structure)}) {
            append(blob, value);
        }
        blob.insert(blob.end(), reservations.begin(), reservations.end());
        blob.insert(blob.end(), structure.begin(), structure.end());
        for (const char c : strings_) blob.push_back(static_cast<std::byte>(c));
        return blob;
    }

  private:
    static void append(std::vector<std::byte>& to, std::uint32_t value) {
        for (int shift = 24; shift >= 0; shift -= 8)
            to.push_back(static_cast<std::byte>(value >> shift));
    }
    void word(std::uint32_t value) { append(structure_, value); }
    void text(std::string_view value) {
        for (const char c : value) structure_.push_back(static_cast<std::byte>(c));
        do structure_.push_back(std::byte{0});
        while (structure_.size() % 4 != 0);
    }
    void header(std::string_view name, std::size_t bytes) {
        word(3);
        word(static_cast<std::uint32_t>(bytes));
        word(static_cast<std::uint32_t>(strings_.size()));
        strings_ += name;
        strings_ += '\0';
    }

    std::vector<std::byte> structure_, reservations_;
    std::string strings_;
};

}  // namespace redoubt::boot::testing
