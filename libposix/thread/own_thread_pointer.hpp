// libposix's thread pointer for as long as it works for a program that has called it directly.
#pragma once

#include <cstdint>

#include "libhvcall/native/syscall.hpp"

namespace redoubt::posix {

#if defined(__riscv) && !__STDC_HOSTED__
/// In libposix it is the address of the IPC buffer, in the program the C library's.
class OwnThreadPointer {
  public:
    OwnThreadPointer() {
        native::Registers registers{.a0 =
                                        static_cast<std::uint64_t>(abi::SystemInfoKind::IpcBuffer)};
        native::invoke(abi::SyscallNumber::SystemInfo, registers);
        asm volatile("mv %0, tp\n\tmv tp, %1" : "=&r"(program_) : "r"(registers.a1) : "memory");
    }
    ~OwnThreadPointer() { asm volatile("mv tp, %0" : : "r"(program_) : "memory"); }
    OwnThreadPointer(const OwnThreadPointer&) = delete;
    OwnThreadPointer& operator=(const OwnThreadPointer&) = delete;

  private:
    std::uint64_t program_;
};
#else
/// The IPC buffer is found without one.
struct OwnThreadPointer {
    OwnThreadPointer() {}
};
#endif

}  // namespace redoubt::posix
