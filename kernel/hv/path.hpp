// Paths of the hv: scheme, parsed.
#pragma once

#include <cstdint>
#include <string_view>

namespace redoubt::kernel::hv {

struct Path {
    enum class Kind {
        Invalid,
        Caps,            ///< caps
        Vms,             ///< vm
        Vm,              ///< vm/<id>
        Memory,          ///< vm/<id>/memory
        Vcpu,            ///< vm/<id>/vcpu/<n>
        RelativeMemory,  ///< memory
        RelativeVcpu,    ///< vcpu/<n>
    };
    Kind kind = Kind::Invalid;
    std::uint32_t vm = 0;
    std::uint32_t vcpu = 0;
};

/// Leading slashes are ignored; numbers are decimal and below 2^31.
Path parse_path(std::string_view text);

}  // namespace redoubt::kernel::hv
