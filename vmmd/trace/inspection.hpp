// What somebody who looks at a vCPU wants to see.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "vmmd/vm_statistics.hpp"

namespace redoubt::vmmd {

struct RegisterView {
    Counters values;   ///< general registers, rip, rflags, control registers, by name
    std::string text;  ///< all but the FPU's, lines for a person
};

/// Which code somebody wants to see.
struct CodeQuery {
    unsigned vcpu = 0;
    std::optional<std::uint64_t> address{};  ///< linear; nothing: rip
    std::size_t before = 0;                  ///< instructions, at most
    std::size_t count = 0;                   ///< … from the address on
};

}  // namespace redoubt::vmmd
