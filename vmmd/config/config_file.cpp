// Configuration files.
#include "vmmd/config/config_file.hpp"

#include <array>
#include <cstdio>
#include <optional>
#include <span>
#include <vector>

#include "arch/kernel_image.hpp"
#include "vmmd/backends/backend.hpp"
#include "vmmd/image_file.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::uint64_t kMaximumConfigBytes = 1 << 20;

/// What is wrong with a VM's kernel; nothing if it is right, or not here to look at.
std::optional<std::string> check_kernel_of(const VmConfig& vm, const std::string& folder,
                                           std::uint64_t initrd_bytes) {
    if (!vm.kernel.starts_with("file:")) return {};
    auto file = ImageFile::open(vm.kernel, folder);
    if (!file) return file.error();
    std::array<std::uint8_t, kKernelHeaderBytes> header{};
    if (file->size() >= header.size()) {
        if (const auto read = file->read(0, header); !read) return read.error();
    }
    const auto good = check_kernel(header, file->size(), vm.kernel, initrd_bytes, vm.memory_bytes);
    if (!good) return good.error();
    return {};
}

/// What is wrong with a VM's images.
std::vector<ConfigError> check_images_of(const VmConfig& vm, const std::string& folder) {
    std::vector<ConfigError> errors;
    std::uint64_t initrd_bytes = 0;
    if (vm.initrd.starts_with("file:")) {
        if (const auto initrd = ImageFile::open(vm.initrd, folder))
            initrd_bytes = initrd->size();
        else
            errors.push_back({vm.initrd_place, initrd.error()});
    }
    if (const auto wrong = check_kernel_of(vm, folder, initrd_bytes))
        errors.insert(errors.begin(), {vm.kernel_place, *wrong});
    return errors;
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
        for (const auto& wrong : check_images_of(vm, result.folder))
            result.errors.push_back(format(wrong, name));
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
