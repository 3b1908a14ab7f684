// The program `init` of the boot archive, in the form in which the kernel maps it.
#include "boot/init_program.hpp"

#include <iterator>
#include <span>

#include "boot/fail.hpp"
#include "schemes/init/elf.hpp"
#include "schemes/initfs/cpio.hpp"

namespace redoubt::boot {

void find_init(BootInformation& information) {
    static_assert(std::size(BootInformation{}.init.items) >= elf::kMaximumSegments);
    const PhysicalRange& archive = information.boot_archive;
    if (archive.bytes == 0) fail("there is no boot archive; pass one as the boot module (-initrd)");
    const auto file =
        cpio::find({kernel::direct_map<const std::byte>(archive.start), archive.bytes}, "init");
    if (!file) fail("the boot archive has no file init");
    elf::Image image;
    if (const char* const reason = elf::parse(file->contents, image)) {
        fail("the boot archive's file init {}", reason);
    }
    for (const elf::Segment& segment : image.loads()) {
        information.init.add(
            {segment.address,
             segment.memory_size,
             {kernel::direct_map_physical(segment.contents.data()), segment.contents.size()},
             (segment.flags & elf::kWrite) != 0,
             (segment.flags & elf::kExecute) != 0});
    }
    information.init_entry = image.entry;
}

}  // namespace redoubt::boot
