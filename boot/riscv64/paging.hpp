// Which of Sv39, Sv48 and Sv57 the kernel gets.
#pragma once

#include <string_view>

#include "boot/lists.hpp"

namespace redoubt::boot {

/// Chooses the fewest levels whose direct map holds memory up to `memory_end`, or what the command
/// line asks for, if the processor has them; goes on with boot's tables in that mode.
unsigned choose_paging(std::string_view command_line, PhysicalAddress memory_end);

}  // namespace redoubt::boot
