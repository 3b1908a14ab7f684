// Where an application processor begins: copied to a page below 1 MiB, entered there in real mode by a start-up
// interrupt. Goes straight to long mode on the boot loader's tables, which map the page at its own address, and to ap_start().

.section .rodata, "a", @progbits
    .balign 16
    .globl ap_trampoline, ap_trampoline_parameters, ap_trampoline_end
    .code16
ap_trampoline:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    // One that was given up and comes late must not take the place of the next.
    movl $1, %eax
    cpuid
    shrl $24, %ebx
    cmpb %bl, parameter_apic_id - ap_trampoline
    jne late

    lgdtl gdt_pointer - ap_trampoline
    movl $1 << 5, %eax                  // PAE
    movl %eax, %cr4
    movl parameter_root - ap_trampoline, %eax
    movl %eax, %cr3
    movl $0xC0000080, %ecx              // EFER.LME
    rdmsr
    orl $1 << 8, %eax
    wrmsr
    movl $0x80010033, %eax              // PG WP NE ET MP PE
    movl %eax, %cr0
    ljmpl *far_target - ap_trampoline

late:
    hlt
    jmp late

    .code64
ap_long_mode:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movq parameter_stack(%rip), %rsp
    movq parameter_area(%rip), %rdi
    xorl %ebp, %ebp
    movq $ap_start, %rax
    call *%rax

    .balign 8
gdt:
    .quad 0, 0x00AF9B000000FFFF         // 64-bit code
gdt_pointer:
    .word . - gdt - 1
// ApParameters in processors.cpp.
ap_trampoline_parameters:
    .long gdt - ap_trampoline           // both become linear addresses
far_target:
    .long ap_long_mode - ap_trampoline
    .word 8
parameter_apic_id:
    .byte 0
    .byte 0
parameter_root:
    .long 0
parameter_stack:
    .quad 0
parameter_area:
    .quad 0
ap_trampoline_end:

.section .note.GNU-stack, "", @progbits
