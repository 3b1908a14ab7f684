# The first process of a guest whose boot is measured: tells the TSC, which began at 0 with the virtual machine, and
# turns the machine off. No C library, so that nothing but the kernel is counted.
    .globl _start
_start:
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    lea number_end(%rip), %rdi
    mov $10, %ecx
1:  xor %edx, %edx
    div %rcx
    add $'0', %dl
    dec %rdi
    mov %dl, (%rdi)
    test %rax, %rax
    jnz 1b
    lea text(%rip), %rsi
    mov $text_end - text, %edx
    mov $1, %eax                   # write
    mov $1, %edi
    syscall
    mov $169, %eax                 # reboot
    mov $0xFEE1DEAD, %edi
    mov $672274793, %esi
    mov $0x4321FEDC, %edx          # power off
    syscall
2:  jmp 2b

    .data
text:
    .ascii "BENCH boot guest_init "
    .fill 20, 1, ' '
number_end:
    .ascii "\n"
text_end:

    .section .note.GNU-stack, "", @progbits
