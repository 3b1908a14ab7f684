// Writes a flattened device tree (Devicetree Specification 0.4, chapter 5, version 17).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace redoubt::vmmd {

/// Nodes are begun and ended in order; properties of a node come before its children.
class FdtWriter {
  public:
    void begin_node(std::string_view name);
    void end_node();

    void property(std::string_view name, std::span<const std::uint8_t> value);
    /// Without a value.
    void property(std::string_view name) { property(name, std::span<const std::uint8_t>{}); }
    void property(std::string_view name, std::string_view text);
    void property(std::string_view name, std::initializer_list<std::string_view> texts);
    void cells(std::string_view name, std::span<const std::uint32_t> cells);
    void cells(std::string_view name, std::initializer_list<std::uint32_t> cells);
    /// Each number as two cells.
    void long_cells(std::string_view name, std::initializer_list<std::uint64_t> numbers);

    /// All nodes are ended. `boot_hart` runs first.
    std::vector<std::uint8_t> finish(std::uint32_t boot_hart) const;

  private:
    void word(std::uint32_t value);
    void pad();
    std::uint32_t name_offset(std::string_view name);

    std::vector<std::uint8_t> structure_;
    std::vector<std::uint8_t> strings_;
    std::map<std::string, std::uint32_t, std::less<>> names_;
};

}  // namespace redoubt::vmmd
