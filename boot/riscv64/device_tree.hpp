// A flattened device tree as firmware hands it over (Devicetree Specification 0.4, chapter 5).
//
// open() checks the whole structure once; afterwards nodes and properties are read where they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "boot/lists.hpp"

namespace redoubt::boot {

class DeviceTree {
  public:
    using Bytes = std::span<const std::byte>;

    class Node;
    static constexpr unsigned kMaximumDepth = 16;

    /// What the header says about its size, or 0 if it is none.
    static std::size_t size_of(Bytes header);
    /// Nothing if it is not a well-formed tree of a version that this reads.
    static std::optional<DeviceTree> open(Bytes blob);

    Node root() const;
    /// Calls `visit(range)` for each entry of the memory reservation block.
    template <class Visitor>
    void for_each_reservation(Visitor&& visit) const {
        for (Bytes rest = reservations_; rest.size() >= 16; rest = rest.subspan(16)) {
            const PhysicalRange range{PhysicalAddress{number(rest, 8)}, number(rest.subspan(8), 8)};
            if (range.start.value() == 0 && range.bytes == 0) return;
            visit(bounded(range));
        }
    }
    /// Calls `visit(node, parent)` for every node but the root, parents first.
    template <class Visitor>
    void for_each_node(Visitor&& visit) const;

    /// A big-endian number of 4 or 8 bytes at the start of `bytes`, which are long enough.
    static std::uint64_t number(Bytes bytes, unsigned size);

  private:
    DeviceTree(Bytes structure, Bytes strings, Bytes reservations)
        : structure_{structure}, strings_{strings}, reservations_{reservations} {}

    bool is_well_formed() const;
    std::uint32_t token(std::size_t at) const;
    /// Offset behind the property or the name at `at`, where a token is.
    std::size_t after_property(std::size_t at) const;
    std::size_t after_begin(std::size_t at) const;
    std::string_view text(Bytes from, std::size_t at) const;
    std::size_t skip_node(std::size_t at) const;
    template <class Visitor>
    void visit_children(const Node& parent, Visitor& visit) const;

    Bytes structure_, strings_, reservations_;
};

class DeviceTree::Node {
  public:
    Node(const DeviceTree& tree, std::size_t at) : tree_{&tree}, at_{at} {}

    std::string_view name() const;
    std::optional<Bytes> property(std::string_view name) const;
    /// The first cell of a property.
    std::optional<std::uint32_t> cell(std::string_view name) const;
    /// A property's text up to its first NUL; empty if there is none.
    std::string_view string(std::string_view name) const;
    /// Is `name` one of the strings of `compatible`?
    bool is_compatible(std::string_view name) const;
    /// False if `status` says that it must not be used.
    bool is_enabled() const;
    /// Calls `visit(range)` for each entry of `reg`, in the words of `parent`'s cell counts.
    template <class Visitor>
    void for_each_register_range(const Node& parent, Visitor&& visit) const {
        const unsigned address = 4 * parent.cell("#address-cells").value_or(2);
        const unsigned size = 4 * parent.cell("#size-cells").value_or(1);
        const auto reg = property("reg");
        if (!reg || address == 0 || address > 8 || size > 8) return;
        for (Bytes rest = *reg; rest.size() >= address + size;
             rest = rest.subspan(address + size)) {
            const std::uint64_t bytes = size == 0 ? 0 : number(rest.subspan(address), size);
            visit(bounded({PhysicalAddress{number(rest, address)}, bytes}));
        }
    }
    std::optional<PhysicalRange> first_register_range(const Node& parent) const {
        std::optional<PhysicalRange> first;
        for_each_register_range(parent, [&](PhysicalRange range) {
            if (!first) first = range;
        });
        return first;
    }

  private:
    friend DeviceTree;

    const DeviceTree* tree_;
    std::size_t at_;  ///< of the token that begins it
};

template <class Visitor>
void DeviceTree::visit_children(const Node& parent, Visitor& visit) const {
    constexpr std::uint32_t kBegin = 1;
    std::size_t at = after_begin(parent.at_);
    for (;;) {
        const std::uint32_t next = token(at);
        if (next == kBegin) {
            const Node child{*this, at};
            visit(child, parent);
            visit_children(child, visit);
            at = skip_node(at);
        } else if (next == 3) {
            at = after_property(at);
        } else if (next == 4) {
            at += 4;
        } else {
            return;
        }
    }
}

template <class Visitor>
void DeviceTree::for_each_node(Visitor&& visit) const {
    visit_children(root(), visit);
}

}  // namespace redoubt::boot
