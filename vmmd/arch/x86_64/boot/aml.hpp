// A small builder of AML (ACPI 6.4 chapter 20): enough for a DSDT of fixed devices. Every function
// gives the bytes of one term; terms are joined with +.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace redoubt::vmmd::aml {

using Bytes = std::vector<std::uint8_t>;

Bytes operator+(Bytes a, const Bytes& b);

/// A name of one to four characters, or "\\_SB_"-like with a root prefix.
Bytes name_string(std::string_view name);
Bytes integer(std::uint64_t value);
/// "PNP0501" as its compressed EISA id.
Bytes eisa_id(std::string_view id);
Bytes package(std::initializer_list<Bytes> elements);
Bytes name(std::string_view path, const Bytes& value);
Bytes scope(std::string_view path, const Bytes& body);
Bytes device(std::string_view path, const Bytes& body);

// Resource descriptors (ACPI 6.4 section 6.4.2), to be put into resources().
Bytes io_ports(std::uint16_t first, std::uint8_t count);
/// Ports `first` to `last` as a window that a bridge hands on.
Bytes io_window(std::uint16_t first, std::uint16_t last);
/// Likewise addresses, read-write and not cacheable.
Bytes memory_window(std::uint32_t first, std::uint32_t last);
/// Likewise bus numbers.
Bytes bus_window(std::uint8_t first, std::uint8_t last);
/// An edge-triggered, active-high ISA interrupt.
Bytes irq(unsigned line);
Bytes resources(const Bytes& descriptors);

}  // namespace redoubt::vmmd::aml
