// AML terms.
#include "vmmd/arch/x86_64/boot/aml.hpp"

namespace redoubt::vmmd::aml {

namespace {

enum Opcode : std::uint8_t {
    kZero = 0x00,
    kOne = 0x01,
    kName = 0x08,
    kBytePrefix = 0x0A,
    kWordPrefix = 0x0B,
    kDWordPrefix = 0x0C,
    kQWordPrefix = 0x0E,
    kScope = 0x10,
    kBuffer = 0x11,
    kPackage = 0x12,
    kExtended = 0x5B,
    kDevice = 0x82,
};

void append_little_endian(Bytes& bytes, std::uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i)
        bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

/// PkgLength counts itself: one byte up to 63, else a lead byte with 4 bits and 1 to 3 more.
Bytes with_package_length(const Bytes& body) {
    Bytes result;
    if (body.size() + 1 < 64) {
        result.push_back(static_cast<std::uint8_t>(body.size() + 1));
    } else {
        unsigned extra = 1;
        while (body.size() + 1 + extra >= std::size_t{1} << (4 + 8 * extra)) ++extra;
        const auto length = body.size() + 1 + extra;
        result.push_back(static_cast<std::uint8_t>(extra << 6 | (length & 0xF)));
        append_little_endian(result, length >> 4, extra);
    }
    return std::move(result) + body;
}

/// An address space descriptor (ACPI 6.4 section 6.4.3.5) of a bridge, both ends fixed: tag,
/// resource type, flags of that type, and five numbers of `size` bytes.
Bytes address_window(std::uint8_t tag, std::uint8_t type, std::uint8_t type_flags,
                     std::uint32_t first, std::uint32_t last, unsigned size) {
    constexpr std::uint8_t kProducerFixedEnds = 0x0C;
    Bytes result{tag};
    append_little_endian(result, 3 + 5 * size, 2);
    result.insert(result.end(), {type, kProducerFixedEnds, type_flags});
    const std::uint64_t length = std::uint64_t{last} - first + 1;
    for (const std::uint64_t value :
         {std::uint64_t{0}, std::uint64_t{first}, std::uint64_t{last}, std::uint64_t{0}, length}) {
        append_little_endian(result, value, size);
    }
    return result;
}
constexpr std::uint8_t kWordAddress = 0x88, kDWordAddress = 0x87;

}  // namespace

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Bytes name_string(std::string_view name) {
    Bytes result;
    if (name.starts_with('\\')) {
        result.push_back('\\');
        name.remove_prefix(1);
    }
    for (std::size_t i = 0; i < 4; ++i) {
        result.push_back(i < name.size() ? static_cast<std::uint8_t>(name[i]) : '_');
    }
    return result;
}

Bytes integer(std::uint64_t value) {
    if (value == 0) return {kZero};
    if (value == 1) return {kOne};
    Bytes result;
    if (value <= 0xFF) {
        result.push_back(kBytePrefix);
        append_little_endian(result, value, 1);
    } else if (value <= 0xFFFF) {
        result.push_back(kWordPrefix);
        append_little_endian(result, value, 2);
    } else if (value <= 0xFFFF'FFFF) {
        result.push_back(kDWordPrefix);
        append_little_endian(result, value, 4);
    } else {
        result.push_back(kQWordPrefix);
        append_little_endian(result, value, 8);
    }
    return result;
}

// Three letters of five bits, four hexadecimal digits, big-endian (ACPI 6.4 section 19.3.4).
Bytes eisa_id(std::string_view id) {
    const auto letter = [&](std::size_t i) {
        return static_cast<std::uint32_t>(id[i] - '@') & 0x1F;
    };
    const auto digit = [&](std::size_t i) {
        const char c = id[i];
        return static_cast<std::uint32_t>(c <= '9' ? c - '0' : c - 'A' + 10);
    };
    std::uint32_t value = letter(0) << 26 | letter(1) << 21 | letter(2) << 16;
    for (std::size_t i = 0; i < 4; ++i) value |= digit(3 + i) << (12 - 4 * i);
    return integer(__builtin_bswap32(value));
}

Bytes package(std::initializer_list<Bytes> elements) {
    Bytes body{static_cast<std::uint8_t>(elements.size())};
    for (const auto& element : elements) body = std::move(body) + element;
    return Bytes{kPackage} + with_package_length(body);
}

Bytes name(std::string_view path, const Bytes& value) {
    return Bytes{kName} + name_string(path) + value;
}

Bytes scope(std::string_view path, const Bytes& body) {
    return Bytes{kScope} + with_package_length(name_string(path) + body);
}

Bytes device(std::string_view path, const Bytes& body) {
    return Bytes{kExtended, kDevice} + with_package_length(name_string(path) + body);
}

Bytes io_ports(std::uint16_t first, std::uint8_t count) {
    Bytes result{0x47, 0x01};  // I/O port descriptor, 16-bit decode
    append_little_endian(result, first, 2);
    append_little_endian(result, first, 2);
    return std::move(result) + Bytes{1, count};
}

Bytes io_window(std::uint16_t first, std::uint16_t last) {
    constexpr std::uint8_t kEntireRange = 3;
    return address_window(kWordAddress, 1, kEntireRange, first, last, 2);
}

Bytes memory_window(std::uint32_t first, std::uint32_t last) {
    constexpr std::uint8_t kReadWrite = 1;
    return address_window(kDWordAddress, 0, kReadWrite, first, last, 4);
}

Bytes bus_window(std::uint8_t first, std::uint8_t last) {
    return address_window(kWordAddress, 2, 0, first, last, 2);
}

Bytes irq(unsigned line) {
    Bytes result{0x22};  // IRQ descriptor without flags: edge, high, exclusive
    append_little_endian(result, 1U << line, 2);
    return result;
}

Bytes resources(const Bytes& descriptors) {
    const auto body = descriptors + Bytes{0x79, 0};  // end tag; checksum 0: "not checked"
    return Bytes{kBuffer} + with_package_length(integer(body.size()) + body);
}

}  // namespace redoubt::vmmd::aml
