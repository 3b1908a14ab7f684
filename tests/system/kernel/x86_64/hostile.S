// What a user program may try. Each snippet runs in a thread of its own and must end in a fault message, never in
// a kernel panic. `hostile_table`: name, entry; ends with zeros.

.macro hostile name
    .section .rodata
name_\name: .asciz "\name"
    .section .data.table, "aw", @progbits
    .quad name_\name, hostile_\name
    .text
    .balign 16
hostile_\name:
.endm

// A system call that is none, to go through the kernel once with the state prepared.
.macro enter_kernel
    movl $0x2000, %eax
    syscall
.endm

    .section .data.table, "aw", @progbits
    .globl hostile_table
hostile_table:

hostile undefined_instruction
    ud2
hostile breakpoint
    int3
hostile interrupt_nmi
    int $2
hostile interrupt_double_fault
    int $8
hostile interrupt_timer
    int $0xF0
hostile interrupt_80
    int $0x80
hostile halt
    hlt
hostile clear_interrupts
    cli
hostile port
    inb $0x60, %al
hostile nested_task_flag
    pushq $0x4202
    popfq
    enter_kernel
    ud2
hostile trap_flag
    pushq $0x302
    popfq
    nop
hostile trap_flag_into_kernel
    movl $0x2000, %eax
    pushq $0x302
    popfq
    syscall
    ud2
hostile trap_in_stack_switch_shadow
    movl $0x23, %ecx
    movl $0x2000, %eax
    pushq $0x302
    popfq
    movl %ecx, %ss
    syscall
    ud2
hostile breakpoint_in_stack_switch_shadow
    movl $0x23, %eax
    movl %eax, %ss
    int3
hostile alignment_flag
    pushq $0x40202
    popfq
    enter_kernel
    ud2
hostile direction_flag
    std
    enter_kernel
    ud2
hostile null_segments
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    enter_kernel
    ud2
hostile jump_into_kernel
    movabsq $0xFFFFFFFF80102000, %rax
    jmp *%rax
hostile jump_non_canonical
    movabsq $0x8000000000000000, %rax
    jmp *%rax
hostile load_non_canonical
    movabsq $0x8000000000000000, %rax
    movq (%rax), %rax
hostile load_direct_map
    movabsq $0xFFFF800000100000, %rax
    movq (%rax), %rax
hostile store_kernel_text
    movabsq $0xFFFFFFFF80102000, %rax
    movq %rax, (%rax)
hostile stack_non_canonical
    movabsq $0x8000000000000000, %rsp
    enter_kernel
    pushq %rax
hostile stack_in_kernel
    movabsq $0xFFFFFFFF80130000, %rsp
    enter_kernel
    pushq %rax
hostile write_msr
    wrmsr
hostile swap_gs
    swapgs
hostile sysret
    sysretq
hostile sysenter
    sysenter
hostile write_gs_base
    wrgsbase %rax
hostile load_task_register
    ltr %ax
hostile load_local_descriptors
    lldt %ax
hostile write_control_register
    movq %rax, %cr3
hostile write_debug_register
    movq %rax, %dr7
hostile set_extended_control
    xsetbv
hostile run_guest
    vmrun
hostile call_hypervisor
    vmmcall
hostile performance_counter
    rdpmc
hostile divide_by_zero
    xorl %edx, %edx
    xorl %ecx, %ecx
    divl %ecx
hostile floating_point
    pushw $0
    fldcw (%rsp)
    fldz
    fld1
    fdiv %st(1), %st
    fwait
    ud2
hostile linux_call_without_handler
    movl $1, %eax
    syscall
    ud2

    .section .data.table, "aw", @progbits
    .quad 0, 0

// Fills every register with the argument and counts, in counters[argument], how often all are still right.
    .text
    .globl check_registers
check_registers:
    .irp register, rbx, rbp, rcx, rdx, rsi, r8, r9, r10, r11, r12, r13, r14, r15
    movq %rdi, %\register
    .endr
    .irp register, xmm0, xmm7, xmm15
    movq %rdi, %\register
    .endr
1:  .irp register, rbx, rbp, rcx, rdx, rsi, r8, r9, r10, r11, r12, r13, r14, r15
    cmpq %\register, %rdi
    jne 2f
    .endr
    .irp register, xmm0, xmm7, xmm15
    movq %\register, %rax
    cmpq %rax, %rdi
    jne 2f
    .endr
    movq %fs:0, %rax
    cmpq %rax, %rdi
    jne 2f
    incq counters(, %rdi, 8)
    jmp 1b
2:  ud2

.section .note.GNU-stack, "", @progbits
