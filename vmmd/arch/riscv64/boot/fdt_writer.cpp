// The flattened device tree's blocks. Everything in it is big-endian.
#include "vmmd/arch/riscv64/boot/fdt_writer.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::uint32_t kMagic = 0xD00D'FEED;
constexpr std::uint32_t kVersion = 17, kCompatibleVersion = 16;
constexpr std::uint32_t kHeaderBytes = 40, kReservationBytes = 16;
enum Token : std::uint32_t { kBeginNode = 1, kEndNode = 2, kProperty = 3, kEnd = 9 };

void append(std::vector<std::uint8_t>& to, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        to.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

void append(std::vector<std::uint8_t>& to, std::string_view text) {
    to.insert(to.end(), text.begin(), text.end());
    to.push_back(0);
}

}  // namespace

void FdtWriter::word(std::uint32_t value) { append(structure_, value); }

void FdtWriter::pad() {
    while (structure_.size() % 4 != 0) structure_.push_back(0);
}

std::uint32_t FdtWriter::name_offset(std::string_view name) {
    if (const auto found = names_.find(name); found != names_.end()) return found->second;
    const auto offset = static_cast<std::uint32_t>(strings_.size());
    append(strings_, name);
    names_.emplace(name, offset);
    return offset;
}

void FdtWriter::begin_node(std::string_view name) {
    word(kBeginNode);
    append(structure_, name);
    pad();
}

void FdtWriter::end_node() { word(kEndNode); }

void FdtWriter::property(std::string_view name, std::span<const std::uint8_t> value) {
    word(kProperty);
    word(static_cast<std::uint32_t>(value.size()));
    word(name_offset(name));
    structure_.insert(structure_.end(), value.begin(), value.end());
    pad();
}

void FdtWriter::property(std::string_view name, std::string_view text) { property(name, {text}); }

void FdtWriter::property(std::string_view name, std::initializer_list<std::string_view> texts) {
    std::vector<std::uint8_t> value;
    for (const auto text : texts) append(value, text);
    property(name, std::span<const std::uint8_t>(value));
}

void FdtWriter::cells(std::string_view name, std::span<const std::uint32_t> cells) {
    std::vector<std::uint8_t> value;
    for (const auto cell : cells) append(value, cell);
    property(name, std::span<const std::uint8_t>(value));
}

void FdtWriter::cells(std::string_view name, std::initializer_list<std::uint32_t> cells) {
    this->cells(name, std::span(cells.begin(), cells.size()));
}

void FdtWriter::long_cells(std::string_view name, std::initializer_list<std::uint64_t> numbers) {
    std::vector<std::uint32_t> halves;
    for (const auto number : numbers) {
        halves.push_back(static_cast<std::uint32_t>(number >> 32));
        halves.push_back(static_cast<std::uint32_t>(number));
    }
    cells(name, std::span<const std::uint32_t>(halves));
}

std::vector<std::uint8_t> FdtWriter::finish(std::uint32_t boot_hart) const {
    const auto structure_bytes = static_cast<std::uint32_t>(structure_.size()) + 4;
    const auto strings_bytes = static_cast<std::uint32_t>(strings_.size());
    const std::uint32_t structure_at = kHeaderBytes + kReservationBytes;
    const std::uint32_t strings_at = structure_at + structure_bytes;
    std::vector<std::uint8_t> tree;
    for (const auto field :
         {kMagic, strings_at + strings_bytes, structure_at, strings_at, kHeaderBytes, kVersion,
          kCompatibleVersion, boot_hart, strings_bytes, structure_bytes}) {
        append(tree, field);
    }
    tree.resize(structure_at);  // no reserved memory: one empty entry
    tree.insert(tree.end(), structure_.begin(), structure_.end());
    append(tree, kEnd);
    tree.insert(tree.end(), strings_.begin(), strings_.end());
    return tree;
}

}  // namespace redoubt::vmmd
