// Whatever the boot archive holds: its reader, initfs: and the ELF loader's parser stay within
// their bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "schemes/init/elf.hpp"
#include "schemes/initfs/archive_scheme.hpp"
#include "schemes/initfs/cpio.hpp"

using namespace redoubt;

namespace {

/// Touches every byte, so that the sanitizer sees those that are not the input's.
unsigned sum(std::span<const std::byte> bytes) {
    unsigned total = 0;
    for (const std::byte byte : bytes) {
        total += std::to_integer<unsigned>(byte);
    }
    return total;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    volatile unsigned total = 0;
    cpio::Reader reader(bytes);
    while (const auto entry = reader.next()) {
        total = total + sum(entry->contents) + sum(std::as_bytes(std::span(entry->name)));
    }
    initfs::ArchiveScheme scheme(bytes);
    if (const auto root = scheme.open(1, scheme::OpenFlags::None, "")) {
        std::byte names[512];
        (void)(*root)->list(0, names);
    }
    elf::Image image;
    if (elf::parse(bytes, image) == nullptr) {
        for (const elf::Segment& segment : image.loads()) {
            total = total + sum(segment.contents);
            if (segment.page_end() <= segment.page_begin() ||
                ((segment.flags & elf::kWrite) != 0 && (segment.flags & elf::kExecute) != 0)) {
                std::abort();
            }
        }
    }
    return 0;
}
