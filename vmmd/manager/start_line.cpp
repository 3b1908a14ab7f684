// What a monitor is given on Redoubt: as little as its VM's configuration allows.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vmmd/manager/native_spawner.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::uint64_t kKilobyte = 1024;
/// The heap that is there from the start.
constexpr std::string_view kHeap = "1M";
/// What a monitor may spend beside the guest's memory. A quiet one spends 0.4 MiB on kernel
/// objects, stacks and heap, and 0.3 for each further vCPU; a vCPU's last exits in JSON are another
/// 0.6, and clients that do not read cost the rest.
constexpr std::uint64_t kFixedOverhead = 1536 * kKilobyte;
constexpr std::uint64_t kOverheadPerCpu = 1024 * kKilobyte;
/// Below the manager's: a monitor whose guest spins cannot keep it from running.
constexpr std::string_view kPriority = "100";

/// A path as init's start list writes it.
std::string escaped(std::string_view path) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string text;
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > ' ' && byte < 0x7F && c != ',' && c != '%') {
            text += c;
        } else {
            text += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
        }
    }
    return text;
}

class Uses {
  public:
    void add(std::string_view scheme, std::string_view path) {
        auto item = std::string(scheme) + ":" + escaped(path);
        if (path.empty() || std::ranges::find(items_, item) != items_.end()) return;
        items_.push_back(std::move(item));
    }
    /// What a URL of the configuration opens.
    void add_url(std::string_view url) {
        const auto colon = url.find(':');
        if (colon == url.npos) return;
        const auto scheme = url.substr(0, colon);
        const auto path = url.substr(colon + 1);
        if (scheme == "unix") add("chan", path);
        if (scheme == "initfs" || scheme == "console" || scheme == "log") add(scheme, path);
    }
    std::string text() const {
        std::string text;
        for (const auto& item : items_) text += (text.empty() ? "" : ",") + item;
        return text;
    }

  private:
    std::vector<std::string> items_;
};

}  // namespace

std::string monitor_socket(const std::string& name) { return "/run/monitor/" + name + ".sock"; }

std::string monitor_start_line(const VmConfig& config) {
    const std::string process = "vm." + config.name;
    const std::string socket = monitor_socket(config.name);
    Uses uses;
    uses.add("log", process);
    uses.add("chan", socket);
    uses.add_url(config.kernel);
    uses.add_url(config.initrd);
    uses.add_url(config.serial);
    const std::uint64_t bytes =
        config.memory_bytes + kFixedOverhead + config.cpus * kOverheadPerCpu;
    const std::uint64_t kilobytes = (bytes + kKilobyte - 1) / kKilobyte;
    const std::string limit =
        config.cpu_limit == 0 ? "" : " limit=" + std::to_string(config.cpu_limit) + "%";
    return process + " bin/monitor uses=" + uses.text() + " memory=" + std::to_string(kilobytes) +
           "K heap=" + std::string(kHeap) + " priority=" + std::string(kPriority) +
           " share=" + std::to_string(config.cpu_share) + limit + " grant=hv -- --socket " + socket;
}

}  // namespace redoubt::vmmd
