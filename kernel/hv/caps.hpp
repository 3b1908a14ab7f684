// What the processor offers for virtualization, as found at boot; hv:/caps shows it.
#pragma once

#include <array>
#include <cstdint>

namespace redoubt::kernel::hv {

struct Feature {
    const char* name = nullptr;
    bool present = false;
};

struct Capabilities {
    const char* backend = "none";
    const char* reason =
        "the processor has no virtualization extension this kernel knows";  ///< if none
    const char* processor = "";  ///< its name, or its ISA string
    unsigned revision = 0;
    unsigned address_space_ids = 0;   ///< ASIDs or VMIDs, the host's included
    unsigned largest_page_bits = 12;  ///< of second-level leaves
    std::array<Feature, 16> features{};
};

}  // namespace redoubt::kernel::hv
