// Where init starts: the kernel puts the address of BootInfo into rdi, and there is no libc to be
// set up.
#include "abi/startup.hpp"
#include "schemes/init/supervisor.hpp"

extern "C" [[noreturn]] void init_main(const redoubt::abi::BootInfo* boot) {
    redoubt::init::Supervisor::run(*boot);
}

asm(R"(
    .globl _start
    .section .text
_start:
    xor %ebp, %ebp
    and $-16, %rsp
    call init_main
    ud2
)");
