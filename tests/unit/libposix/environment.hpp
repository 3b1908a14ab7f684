// A process of the fake kernel with libposix in it: every test of this program runs in it.
#pragma once

#include <cstdint>

#include "abi/startup.hpp"
#include "libposix/frame.hpp"

namespace redoubt::test {

inline constexpr std::uint32_t kUntypedBits = 26;
inline constexpr abi::CapabilityIndex kFilesRoot = 20;  ///< "files": regular files and directories
inline constexpr abi::CapabilityIndex kChannelRoot = 21;  ///< "chan"
inline constexpr abi::CapabilityIndex kStreamRoot = 22;   ///< "stream": see scheme_file_test.cpp

const abi::StartupInfo& startup_info();
/// What libposix made of the stack, and where it would have jumped.
std::uintptr_t first_stack_pointer();
std::uintptr_t first_entry();

/// A Linux system call, as reflected.
long linux_call(std::uint64_t number, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
                std::uint64_t d = 0, std::uint64_t e = 0, std::uint64_t f = 0);

/// Addresses as arguments.
template <class T>
std::uint64_t arg(T* pointer) {
    return reinterpret_cast<std::uint64_t>(pointer);
}

}  // namespace redoubt::test
