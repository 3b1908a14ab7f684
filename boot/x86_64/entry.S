// The first instructions: PVH and Multiboot2 loaders enter here, in 32-bit protected mode with paging off. Builds
// tables that map the first 4 GiB at zero and at the direct map, and the image at its own address; enters long mode.
// The build puts ".boot" before every section's name.

.set kVirtualBase, 0xFFFFFFFF80000000

.section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18                      // name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvh_entry

.section .header, "a", @progbits
    .balign 8
multiboot2_header:
    .long 0xE85250D6, 0, multiboot2_header_end - multiboot2_header
    .long -(0xE85250D6 + (multiboot2_header_end - multiboot2_header))
    .word 3, 0                          // entry address
    .long 12, multiboot2_entry, 0
    .word 6, 0                          // modules page-aligned
    .long 8
    .word 0, 0
    .long 8
multiboot2_header_end:

.section .low, "awx", @progbits
    .code32
    .globl pvh_entry
pvh_entry:
    movl $0x336EC578, %eax              // the magic of hvm_start_info tells the protocols apart later
multiboot2_entry:
    cli
    cld
    movl %eax, %ebp
    movl %ebx, %esi                     // physical address of the loader's information
    movl $stack_top - kVirtualBase, %esp

    movl $0x80000001, %eax
    cpuid
    btl $29, %edx                       // long mode
    jnc no_long_mode

    movl $directories - kVirtualBase, %edi
    movl $0x83, %eax                    // present, writable, 2 MiB
    movl $2048, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b
    movl $directories - kVirtualBase + 3, %eax
    movl $low_pointers - kVirtualBase, %edi
    movl %eax, 510 * 8 + high_pointers - kVirtualBase
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b
    movl $boot_root - kVirtualBase, %edi
    movl $low_pointers - kVirtualBase + 3, %eax
    movl %eax, (%edi)
    movl %eax, 256 * 8(%edi)
    movl $high_pointers - kVirtualBase + 3, %eax
    movl %eax, 511 * 8(%edi)

    movl %edi, %cr3
    movl %cr4, %eax
    orl $1 << 5, %eax                   // PAE
    movl %eax, %cr4
    movl $0xC0000080, %ecx              // EFER.LME
    rdmsr
    orl $1 << 8, %eax
    wrmsr
    movl $0x80010033, %eax              // PG WP NE ET MP PE
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $8, $long_mode

no_long_mode:
    hlt
    jmp no_long_mode

    .code64
long_mode:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movq $stack_top, %rsp
    movl %ebp, %edi
    xorl %ebp, %ebp
    movabsq $loader_start, %rax
    call *%rax                          // the result: what the kernel is told
    movq %rax, %rdi
    movq $boot_stack_top, %rsp          // the kernel's
    movabsq $arch_start, %rax
    call *%rax

    .balign 8
gdt:
    .quad 0, 0x00AF9B000000FFFF         // 64-bit code
gdt_pointer:
    .word . - gdt - 1
    .long gdt

.section .bss
    .balign 4096
    .globl boot_root
boot_root: .skip 4096
low_pointers: .skip 4096
high_pointers: .skip 4096
directories: .skip 4 * 4096
    .skip 8 * 4096
stack_top:

.section .note.GNU-stack, "", @progbits
