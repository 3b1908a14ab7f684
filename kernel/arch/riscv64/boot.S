// The first instructions, in supervisor mode with translation off: the firmware enters the image at its start
// (Linux's "Boot image header in RISC-V Linux"), and further harts at hart_entry (SBI, "Hart State Management").
// Builds Sv39 tables (a processor with Sv48 or Sv57 has that too) that map the first 254 GiB at the direct map, and the
// image at its own address.

.set kSv39, 8 << 60
.set kDeviceAndMemory, 0xE7             // dirty accessed global writable readable valid
.set kImage, 0xEF                       // executable too
.set kLargePage, 0x200000
.set kHugePage, 0x40000000

.section .boot.header, "ax", @progbits
    .option norvc
    .globl image_start
image_start:
    j boot_hart
    nop
    .quad 0x200000                      // where behind the start of RAM
    .quad kernel_data_end - image_start
    .quad 0                             // little endian
    .long 2, 0                          // version 0.2
    .quad 0
    .ascii "RISCV\0\0\0"
    .ascii "RSC\x05"
    .long 0

.section .text.entry, "ax", @progbits

// Goes on at the linked address of \target with \satp, or falls through where its mode is unknown. Clobbers t0, t1.
.macro enable_translation target, satp
    ld t0, image_offset
    lla t1, \target
    add t1, t1, t0
    csrw stvec, t1
    sfence.vma
    csrw satp, \satp                    // the fetch of the next instruction faults to \target
.endm

boot_hart:
    csrw sie, zero
    lla t0, boot_taken
    li t1, 1
    amoswap.w t1, t1, (t0)
    bnez t1, hart_entry
    mv s0, a0
    mv s1, a1
    lla t0, kernel_bss_start
    lla t1, kernel_data_end
1:  sd zero, (t0)
    addi t0, t0, 8
    bltu t0, t1, 1b

    lla s2, image_start
    ld t0, linked_start
    sub t0, t0, s2
    sd t0, image_offset, t1

    lla t0, boot_root + 256 * 8
    li t1, kDeviceAndMemory
    li t2, 254
    li t3, kHugePage >> 2
1:  sd t1, (t0)
    add t1, t1, t3
    addi t0, t0, 8
    addi t2, t2, -1
    bnez t2, 1b
    lla t2, boot_image
    srli t1, t2, 2
    ori t1, t1, 1
    sd t1, (t0)
    addi t0, t2, 8                      // the image starts in the second 2 MiB of its GiB
    srli t1, s2, 2
    ori t1, t1, kImage
    li t2, 16
    li t3, kLargePage >> 2
1:  sd t1, (t0)
    add t1, t1, t3
    addi t0, t0, 8
    addi t2, t2, -1
    bnez t2, 1b
    lla t2, boot_root
    srli t2, t2, 12
    li t1, kSv39
    or t2, t2, t1
    enable_translation boot_linked, t2

    lla s0, no_paging                    // SBI, "Legacy Extensions": print
1:  lbu a0, (s0)
    beqz a0, boot_stop
    li a7, 1
    ecall
    addi s0, s0, 1
    j 1b

    .balign 4
boot_stop:
    wfi
    j boot_stop

    .balign 4
boot_linked:
    lla t0, boot_stop
    csrw stvec, t0
    lla sp, boot_stack_top
    mv a0, s0
    mv a1, s1
    li s0, 0
    li tp, 0
    csrw sscratch, zero
    call loader_start                   // the result: what the kernel is told
    lla sp, boot_stack_top
    call arch_start
    j boot_stop

// a0: hart. OpenSBI before 1.3 lets a hart go before it has noted where to and with what, if the hart happens to
// look at that moment: it then enters the image like the first one, or comes here with the first one's a1. So a hart
// is told its area, whose data.kernel_stack is set, by memory.
    .globl hart_entry
hart_entry:
    csrw sie, zero
1:  .4byte 0x0100000F                   // pause
    ld t0, starting_hart
    bne t0, a0, 1b
    fence r, r
    ld a1, starting_area
    beqz a1, 1b
    fence r, rw
    ld t2, starting_satp
    enable_translation hart_linked, t2
    j boot_stop

    .balign 4
hart_linked:
    lla t0, boot_stop
    csrw stvec, t0
    ld sp, 24(a1)
    mv a0, a1
    li s0, 0
    csrw sscratch, zero
    call hart_start

.section .rodata, "a", @progbits
    .balign 8
linked_start: .quad image_start
no_paging: .asciz "\r\nRedoubt needs a processor with Sv39, Sv48 or Sv57 paging.\r\n"

.section .data, "aw", @progbits
    .balign 8
    .globl image_offset
image_offset: .quad 0
    .globl starting_hart, starting_satp, starting_area
starting_hart: .quad -1
starting_satp: .quad 0
starting_area: .quad 0
boot_taken: .long 0

.section .bss
    .balign 4096
    .globl boot_root
boot_root: .skip 4096
boot_image: .skip 4096
// The boot hart's kernel stack. Nothing is mapped at the guard page once kernel_map.cpp has done its work.
    .globl boot_stack_guard, boot_stack_top
boot_stack_guard: .skip 4096
    .skip 6 * 4096
boot_stack_top:

.section .note.GNU-stack, "", @progbits
