// Configuration files: reading one, and checking what can be checked about the images it names.
#pragma once

#include <string>
#include <vector>

#include "vmmd/config/config.hpp"

namespace redoubt::vmmd {

enum class CheckImages { No, Yes };

struct LoadedConfig {
    std::vector<VmConfig> vms;
    std::vector<std::string> errors;  ///< lines for a person: "file:line:column: error: …"
    std::string folder;               ///< that the file's relative paths start from
};

/// `name` is a path, or an initfs: URL on Redoubt. With CheckImages::Yes kernels and initrds that
/// are file: URLs must exist and be what they should be.
LoadedConfig load_config(const std::string& name, CheckImages check_images);

/// Prints what is wrong with a file, or that nothing is. Gives the exit status.
int check_file(const std::string& file);

}  // namespace redoubt::vmmd
