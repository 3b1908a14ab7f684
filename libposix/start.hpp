// Where entry.S and C++ meet.
#pragma once

#include <cstdint>

#include "libposix/frame.hpp"

namespace redoubt::posix {

extern "C" {
/// Where the kernel continues a thread that made a Linux system call.
[[gnu::visibility("hidden")]] void redoubt_reflect_entry();
/// First instruction of a new kernel thread.
[[gnu::visibility("hidden")]] void redoubt_thread_entry();
/// Loads all registers from `frame` and continues there.
[[noreturn, gnu::visibility("hidden")]] void redoubt_resume(const Frame* frame);
}

}  // namespace redoubt::posix
