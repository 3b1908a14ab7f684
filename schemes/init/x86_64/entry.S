// Where init starts: the kernel passes the address of BootInfo, and there is no libc to be set up.
    .text
    .globl _start
_start:
    xor %ebp, %ebp
    and $-16, %rsp
    call init_main
    ud2

    .section .note.GNU-stack, "", @progbits
