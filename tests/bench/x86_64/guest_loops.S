# The guest's side of the exit benchmarks: loops of one exiting instruction each, run at a fixed address in
# 64-bit mode with interrupts off. Those that measure themselves take rdi: where to put 64-bit tick counts,
# rsi: how many, and halt at the end.
    .section .rodata
    .macro routine name
    .globl guest_\name, guest_\name\()_end
guest_\name:
    .endm
    .macro finish name
guest_\name\()_end:
    .endm

    routine out                    # edx: port
1:  out %al, (%dx)
    jmp 1b
    finish out

    routine mmio                   # rbx: address
1:  mov %eax, (%rbx)
    jmp 1b
    finish mmio

    routine halt
1:  hlt
    jmp 1b
    finish halt

    routine interrupt              # the handler below is called once per round
    sti
1:  out %al, $0x10
    nop
    jmp 1b
    finish interrupt

    routine interrupt_handler
    out %al, $0x11
    iretq
    finish interrupt_handler

    .macro begin_measured
1:  rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, %r11
    .endm
    .macro end_measured
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    sub %r11, %rax
    mov %rax, (%rdi)
    add $8, %rdi
    dec %rsi
    jnz 1b
2:  hlt
    jmp 2b
    .endm

    routine cpuid                  # r10d: leaf
    begin_measured
    mov %r10d, %eax
    xor %ecx, %ecx
    cpuid
    end_measured
    finish cpuid

    routine hypercall
    begin_measured
    mov %r10d, %eax
    xor %ecx, %ecx
    vmmcall
    end_measured
    finish hypercall

    routine rdmsr                  # r10d: number
    begin_measured
    mov %r10d, %ecx
    nop
    rdmsr
    end_measured
    finish rdmsr

    routine ring                   # r10d: port of a doorbell
    begin_measured
    mov %r10d, %edx
    xor %eax, %eax
    out %al, (%dx)
    end_measured
    finish ring

    routine touch                  # rbx: a page that nobody has touched, and so on
    begin_measured
    mov %ecx, (%rbx)
    add $4096, %rbx
    nop
    end_measured
    finish touch

    .section .note.GNU-stack, "", @progbits
