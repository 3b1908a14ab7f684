// Configuration files.
#include "vmmd/config/config_file.hpp"

#include <array>
#include <span>

#include "vmmd/backends/backend.hpp"
#include "vmmd/boot/bzimage.hpp"
#include "vmmd/image_file.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::uint64_t kMaximumConfigBytes = 1 << 20;

/// What is wrong with a VM's images; empty if nothing, or if they are not here to look at.
std::string check_images_of(const VmConfig& vm, const std::string& folder) {
    if (vm.kernel.starts_with("file:")) {
        const auto file = ImageFile::open(vm.kernel, folder);
        if (!file) return file.error();
        std::array<std::uint8_t, kBzImageHeaderBytes> header{};
        if (file->size() >= header.size()) {
            if (const auto read = file->read(0, header); !read) return read.error();
        }
        const auto image = check_bzimage(header, file->size());
        if (!image) return vm.kernel + ": " + image.error();
        std::uint64_t initrd_bytes = 0;
        if (vm.initrd.starts_with("file:")) {
            const auto initrd = ImageFile::open(vm.initrd, folder);
            if (!initrd) return initrd.error();
            initrd_bytes = initrd->size();
        }
        const auto placed = place_linux(*image, initrd_bytes, vm.memory_bytes);
        if (!placed) return placed.error();
    } else if (vm.initrd.starts_with("file:")) {
        const auto initrd = ImageFile::open(vm.initrd, folder);
        if (!initrd) return initrd.error();
    }
    return {};
}

}  // namespace

LoadedConfig load_config(const std::string& name, CheckImages check_images) {
    LoadedConfig result;
    const auto slash = name.rfind('/');
    const bool is_url = name.starts_with("initfs:");
    if (slash != std::string::npos && !is_url)
        result.folder = name.substr(0, slash == 0 ? 1 : slash);

    const auto file = ImageFile::open(is_url ? name : "file:" + name, {});
    if (!file) {
        result.errors.push_back(file.error());
        return result;
    }
    if (file->size() > kMaximumConfigBytes) {
        result.errors.push_back(name + ": error: too large for a configuration file");
        return result;
    }
    std::string text(file->size(), '\0');
    const std::span bytes(reinterpret_cast<std::uint8_t*>(text.data()), text.size());
    if (const auto read = file->read(0, bytes); !read) {
        result.errors.push_back(read.error());
        return result;
    }
    auto parsed = parse_config(text, check_backend_url);
    for (const auto& error : parsed.errors) result.errors.push_back(format(error, name));
    result.vms = std::move(parsed.vms);
    if (!result.errors.empty() || check_images == CheckImages::No) return result;
    for (const auto& vm : result.vms) {
        if (const auto wrong = check_images_of(vm, result.folder); !wrong.empty()) {
            result.errors.push_back(name + ": error: [vm." + vm.name + "]: " + wrong);
        }
    }
    return result;
}

}  // namespace redoubt::vmmd
