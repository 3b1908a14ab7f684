// Names of MSRs.
#pragma once

#include <cstdint>
#include <string_view>

namespace redoubt::vmmd {

/// "TSC_DEADLINE"; empty if it has no name here.
std::string_view msr_name(std::uint32_t number);

}  // namespace redoubt::vmmd
