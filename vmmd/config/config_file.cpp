// Configuration files.
#include "vmmd/config/config_file.hpp"

#include <array>
#include <cstdio>
#include <optional>
#include <span>

#include "arch/kernel_image.hpp"
#include "vmmd/backends/backend.hpp"
#include "vmmd/image_file.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::uint64_t kMaximumConfigBytes = 1 << 20;

using Wrong = std::optional<ConfigError>;

/// What is wrong with a VM's images; nothing if they are right, or not here to look at.
Wrong check_images_of(const VmConfig& vm, const std::string& folder) {
    std::uint64_t initrd_bytes = 0;
    if (vm.initrd.starts_with("file:")) {
        const auto initrd = ImageFile::open(vm.initrd, folder);
        if (!initrd) return ConfigError{vm.initrd_place, initrd.error()};
        initrd_bytes = initrd->size();
    }
    if (!vm.kernel.starts_with("file:")) return {};
    const auto wrong_kernel = [&](const std::string& message) {
        return ConfigError{vm.kernel_place, message};
    };
    auto file = ImageFile::open(vm.kernel, folder);
    if (!file) return wrong_kernel(file.error());
    std::array<std::uint8_t, kKernelHeaderBytes> header{};
    if (file->size() >= header.size()) {
        if (const auto read = file->read(0, header); !read) return wrong_kernel(read.error());
    }
    const auto good = check_kernel(header, file->size(), vm.kernel, initrd_bytes, vm.memory_bytes);
    if (!good) return wrong_kernel(good.error());
    return {};
}

}  // namespace

LoadedConfig load_config(const std::string& name, CheckImages check_images) {
    LoadedConfig result;
    const auto slash = name.rfind('/');
    const bool is_url = name.starts_with("initfs:");
    if (slash != std::string::npos && !is_url)
        result.folder = name.substr(0, slash == 0 ? 1 : slash);

    auto file = ImageFile::open(is_url ? name : "file:" + name, {});
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
        if (const auto wrong = check_images_of(vm, result.folder)) {
            result.errors.push_back(format(*wrong, name));
        }
    }
    return result;
}

int check_file(const std::string& file) {
    const auto loaded = load_config(file, CheckImages::Yes);
    for (const auto& line : loaded.errors) std::fprintf(stderr, "%s\n", line.c_str());
    if (!loaded.errors.empty()) return 1;
    std::printf("%s: %zu VM%s, no errors\n", file.c_str(), loaded.vms.size(),
                loaded.vms.size() == 1 ? "" : "s");
    return 0;
}

}  // namespace redoubt::vmmd
