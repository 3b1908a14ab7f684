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
    li a7, 0x2000
    ecall
.endm

    .section .data.table, "aw", @progbits
    .globl hostile_table
hostile_table:

hostile undefined_instruction
    unimp
hostile all_ones
    .long 0xFFFFFFFF
hostile breakpoint
    ebreak
hostile wait_for_interrupt
1:  wfi
    j 1b
hostile return_from_trap
    sret
hostile return_from_machine_trap
    mret
hostile flush_translations
    sfence.vma
hostile write_status
    csrw sstatus, zero
hostile read_satp
    csrr t0, satp
hostile write_satp
    csrw satp, zero
hostile write_trap_vector
    csrw stvec, zero
hostile write_scratch
    csrrw tp, sscratch, tp
hostile disable_interrupts
    csrci sstatus, 2
hostile write_timer
    csrw 0x14D, zero
hostile machine_register
    csrr t0, mstatus
hostile hypervisor_register
    csrw 0x600, zero
hostile guest_load
    .long 0x6802C2F3                    // hlv.w t0, (t0)
hostile write_time
    csrw time, zero
hostile cycle_counter
    rdcycle t0
    unimp
hostile jump_into_kernel
    li t0, 0xFFFFFFFF80202000
    jr t0
hostile jump_non_canonical
    li t0, 0x8000000000000000
    jr t0
hostile load_non_canonical
    li t0, 0x8000000000000000
    ld t0, (t0)
hostile load_direct_map
    li t0, 0xFFFF800080200000
    ld t0, (t0)
hostile store_kernel_text
    li t0, 0xFFFFFFFF80202000
    sd t0, (t0)
hostile reserve_kernel_data
    li t0, 0xFFFFFFFF80202000
    lr.d t1, (t0)
hostile stack_in_kernel
    li sp, 0xFFFFFFFF80230000
    enter_kernel
    sd t0, (sp)
hostile all_registers_non_canonical
    li gp, 0x8000000000000000
    mv tp, gp
    mv sp, gp
    mv s0, gp
    mv ra, gp
    enter_kernel
    ret
hostile store_code
    lla t0, hostile_store_code
    sd t0, (t0)
hostile execute_data
    mv t0, sp
    jr t0
hostile misaligned_reservation
    lla t0, counters
    addi t0, t0, 1
    lr.d t1, (t0)
hostile linux_call_without_handler
    li a7, 1
    ecall
    unimp

    .section .data.table, "aw", @progbits
    .quad 0, 0

// Fills every register with the argument and counts, in counters[argument], how often all are still right. The
// thread pointer's memory holds the argument too.
    .text
    .globl check_registers
check_registers:
    .irp register, ra, sp, gp, t0, t1, t2, s0, s1, a1, a2, a3, a4, a5, a6, a7, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4
    mv \register, a0
    .endr
    .irp register, ft0, fs0, fa7, fs11, ft11
    fmv.d.x \register, a0
    .endr
    fsrm a0
1:  .irp register, ra, sp, gp, t0, t1, t2, s0, s1, a1, a2, a3, a4, a5, a6, a7, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4
    bne \register, a0, 2f
    .endr
    .irp register, ft0, fs0, fa7, fs11, ft11
    fmv.x.d t5, \register
    bne t5, a0, 2f
    .endr
    frrm t5
    bne t5, a0, 2f
    ld t5, (tp)
    bne t5, a0, 2f
    lla t5, counters
    slli t6, a0, 3
    add t5, t5, t6
    ld t6, (t5)
    addi t6, t6, 1
    sd t6, (t5)
    j 1b
2:  unimp

.section .note.GNU-stack, "", @progbits
