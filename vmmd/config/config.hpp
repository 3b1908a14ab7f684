// What a configuration file says: the VMs to run. Parsing is in parser.cpp.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace redoubt::vmmd {

/// After which ends a VM is started again. A stop on request is never followed by a restart.
enum class RestartPolicy { Never, OnFailure, Always };

/// Where in a configuration file something stands.
struct Place {
    unsigned line = 1;
    unsigned column = 1;
};

inline constexpr unsigned kNormalCpuShare = 100;
inline constexpr unsigned kMaximumCpuShare = 1000;

/// One [vm.NAME] table, checked.
struct VmConfig {
    std::string name;
    unsigned cpus = 1;
    std::uint64_t memory_bytes = 0;
    unsigned cpu_share = kNormalCpuShare;  ///< weight of its processor time among the VMs
    unsigned cpu_limit = 0;  ///< percent of one processor for all vCPUs together; 0: no limit
    std::string kernel;      ///< file: and initfs: URLs
    std::string initrd;      ///< empty: none
    Place kernel_place;      ///< of the URLs, for errors about what they name
    Place initrd_place;
    std::string cmdline;
    std::string serial;  ///< URL of COM1's back end
    bool autostart = true;
    bool gdb_wait = false;  ///< runs its first instruction when a debugger says so
    RestartPolicy restart = RestartPolicy::Never;
    unsigned restart_limit = 0;  ///< restarts in a row; 0: any number
    std::string text;            ///< the table as TOML, which parses to the same VM
};

struct ConfigError : Place {
    std::string message;  ///< what is wrong and what to do
};

struct ParsedConfig {
    std::vector<VmConfig> vms;        ///< in the order of the file; meaningless if there are errors
    std::vector<ConfigError> errors;  ///< everything found, by position
};

/// Says why a back end URL is wrong. Passed in so that the parser needs no back ends.
using UrlCheck = std::function<std::expected<void, std::string>(std::string_view url)>;

inline constexpr std::uint64_t kMinimumMemory = std::uint64_t{32} << 20;
inline constexpr std::uint64_t kMaximumMemory = std::uint64_t{64} << 30;
inline constexpr std::uint64_t kMemoryGranularity = std::uint64_t{2} << 20;
inline constexpr unsigned kMaximumCpus = 8;

/// Never throws; any text is answered with VMs or errors.
ParsedConfig parse_config(std::string_view text, const UrlCheck& check_serial);

/// For a client that asked for a vCPU which the VM does not have.
inline std::string describe_missing_vcpu(const VmConfig& config, unsigned vcpu) {
    return "VM \"" + config.name + "\" has no vCPU " + std::to_string(vcpu) + ": they are 0 to " +
           std::to_string(config.cpus - 1);
}

/// "examples/demo.toml:3:9: error: …"
std::string format(const ConfigError& error, std::string_view file);

}  // namespace redoubt::vmmd
