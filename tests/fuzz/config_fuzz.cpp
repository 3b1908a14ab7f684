// Any text given as a configuration is answered with VMs or with errors that have a place.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vmmd/config/config.hpp"

using namespace redoubt::vmmd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const UrlCheck check = [](std::string_view url) -> std::expected<void, std::string> {
        if (url.find(':') == std::string_view::npos) return std::unexpected("not a URL");
        return {};
    };
    const auto result = parse_config(text, check);
    if (result.errors.empty() && result.vms.empty()) std::abort();
    for (const auto& error : result.errors) {
        if (error.line == 0 || error.column == 0 || error.message.empty()) std::abort();
    }
    if (!result.errors.empty()) return 0;
    for (const auto& vm : result.vms) {
        const bool possible = vm.cpus >= 1 && vm.cpus <= kMaximumCpus && !vm.kernel.empty() &&
                              vm.memory_bytes >= kMinimumMemory &&
                              vm.memory_bytes <= kMaximumMemory &&
                              vm.memory_bytes % kMemoryGranularity == 0;
        if (!possible) std::abort();
    }
    return 0;
}
