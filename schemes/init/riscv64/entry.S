// Where init starts: the kernel passes the address of BootInfo, and there is no libc to be set up.
    .text
    .globl _start
_start:
    li s0, 0
    call init_main
    unimp

    .section .note.GNU-stack, "", @progbits
