// See device_tree.hpp.
#include "boot/riscv64/device_tree.hpp"

namespace redoubt::boot {
namespace {

constexpr std::uint32_t kMagic = 0xD00D'FEED;
constexpr std::uint32_t kBeginNode = 1, kEndNode = 2, kProperty = 3, kNop = 4, kEnd = 9;
constexpr std::size_t kHeaderBytes = 40;
/// Of the header's words.
constexpr unsigned kTotalSize = 1, kStructureOffset = 2, kStringsOffset = 3,
                   kReservationsOffset = 4, kLastCompatible = 6, kStringsSize = 8,
                   kStructureSize = 9;
constexpr std::uint32_t kVersion = 16;  // what every later one is compatible with

constexpr std::size_t padded(std::size_t bytes) { return (bytes + 3) & ~std::size_t{3}; }

std::uint32_t header_word(DeviceTree::Bytes blob, unsigned index) {
    return static_cast<std::uint32_t>(DeviceTree::number(blob.subspan(4 * std::size_t{index}), 4));
}

bool contains(DeviceTree::Bytes blob, std::size_t offset, std::size_t bytes) {
    return offset <= blob.size() && bytes <= blob.size() - offset;
}

}  // namespace

std::uint64_t DeviceTree::number(Bytes bytes, unsigned size) {
    std::uint64_t value = 0;
    for (const std::byte byte : bytes.first(size))
        value = value << 8 | std::to_integer<unsigned>(byte);
    return value;
}

std::size_t DeviceTree::size_of(Bytes header) {
    if (header.size() < kHeaderBytes || header_word(header, 0) != kMagic) return 0;
    return header_word(header, kTotalSize);
}

std::optional<DeviceTree> DeviceTree::open(Bytes blob) {
    const std::size_t size = size_of(blob);
    if (size < kHeaderBytes || size > blob.size()) return std::nullopt;
    blob = blob.first(size);
    const std::size_t structure = header_word(blob, kStructureOffset),
                      structure_bytes = header_word(blob, kStructureSize),
                      strings = header_word(blob, kStringsOffset),
                      strings_bytes = header_word(blob, kStringsSize),
                      reservations = header_word(blob, kReservationsOffset);
    if (header_word(blob, kLastCompatible) > kVersion || structure % 4 != 0 ||
        !contains(blob, structure, structure_bytes) || !contains(blob, strings, strings_bytes) ||
        !contains(blob, reservations, 0)) {
        return std::nullopt;
    }
    const DeviceTree tree{blob.subspan(structure, structure_bytes),
                          blob.subspan(strings, strings_bytes), blob.subspan(reservations)};
    if (!tree.is_well_formed()) return std::nullopt;
    return tree;
}

bool DeviceTree::is_well_formed() const {
    const auto terminated = [](Bytes from, std::size_t at) {
        for (; at < from.size(); ++at) {
            if (from[at] == std::byte{0}) return true;
        }
        return false;
    };
    unsigned depth = 0;
    for (std::size_t at = 0; contains(structure_, at, 4);) {
        switch (token(at)) {
            case kBeginNode:
                if (depth == kMaximumDepth || (depth == 0 && at != 0)) return false;
                if (!terminated(structure_, at + 4)) return false;
                ++depth;
                at = after_begin(at);
                break;
            case kEndNode:
                if (depth == 0) return false;
                --depth;
                at += 4;
                break;
            case kProperty: {
                if (depth == 0 || !contains(structure_, at, 12)) return false;
                const std::size_t bytes = token(at + 4);
                if (!contains(structure_, at + 12, bytes)) return false;
                if (!terminated(strings_, token(at + 8))) return false;
                at = after_property(at);
                break;
            }
            case kNop:
                if (depth == 0) return false;
                at += 4;
                break;
            case kEnd:
                return depth == 0 && at != 0;
            default:
                return false;
        }
    }
    return false;
}

std::uint32_t DeviceTree::token(std::size_t at) const {
    return static_cast<std::uint32_t>(number(structure_.subspan(at), 4));
}

std::size_t DeviceTree::after_property(std::size_t at) const {
    return at + 12 + padded(token(at + 4));
}

std::size_t DeviceTree::after_begin(std::size_t at) const {
    return at + 4 + padded(text(structure_, at + 4).size() + 1);
}

std::string_view DeviceTree::text(Bytes from, std::size_t at) const {
    return reinterpret_cast<const char*>(from.data() + at);
}

std::size_t DeviceTree::skip_node(std::size_t at) const {
    unsigned depth = 0;
    do {
        switch (token(at)) {
            case kBeginNode:
                ++depth;
                at = after_begin(at);
                break;
            case kEndNode:
                --depth;
                at += 4;
                break;
            case kProperty:
                at = after_property(at);
                break;
            default:
                at += 4;
                break;
        }
    } while (depth != 0);
    return at;
}

DeviceTree::Node DeviceTree::root() const { return {*this, 0}; }

std::string_view DeviceTree::Node::name() const { return tree_->text(tree_->structure_, at_ + 4); }

std::optional<DeviceTree::Bytes> DeviceTree::Node::property(std::string_view wanted) const {
    std::size_t at = tree_->after_begin(at_);
    // Properties come before child nodes (5.4.2).
    for (;; at = tree_->token(at) == kNop ? at + 4 : tree_->after_property(at)) {
        const std::uint32_t token = tree_->token(at);
        if (token == kNop) continue;
        if (token != kProperty) return std::nullopt;
        if (tree_->text(tree_->strings_, tree_->token(at + 8)) == wanted) {
            return tree_->structure_.subspan(at + 12, tree_->token(at + 4));
        }
    }
}

std::optional<std::uint32_t> DeviceTree::Node::cell(std::string_view wanted) const {
    const auto value = property(wanted);
    if (!value || value->size() < 4) return std::nullopt;
    return static_cast<std::uint32_t>(number(*value, 4));
}

std::string_view DeviceTree::Node::string(std::string_view wanted) const {
    const auto value = property(wanted);
    if (!value) return {};
    const std::string_view all{reinterpret_cast<const char*>(value->data()), value->size()};
    return all.substr(0, all.find('\0'));
}

bool DeviceTree::Node::is_compatible(std::string_view wanted) const {
    const auto value = property("compatible");
    if (!value) return false;
    std::string_view rest{reinterpret_cast<const char*>(value->data()), value->size()};
    while (!rest.empty()) {
        const std::size_t end = rest.find('\0');
        if (rest.substr(0, end) == wanted) return true;
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    return false;
}

bool DeviceTree::Node::is_enabled() const {
    const std::string_view status = string("status");
    return status.empty() || status == "okay" || status == "ok";
}

}  // namespace redoubt::boot
