// The first instructions: PVH and Multiboot2 loaders enter here, in 32-bit protected mode with paging off. Builds
// tables that map the first 4 GiB at zero and at the direct map, and the image at its own address; enters long mode.

.set kVirtualBase, 0xFFFFFFFF80000000

.section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18                      // name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvh_entry

.section .boot.header, "a", @progbits
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

.section .boot.text, "ax", @progbits
    .code32
    .globl pvh_entry
pvh_entry:
    movl $0x336EC578, %eax              // the magic of hvm_start_info tells the protocols apart later
multiboot2_entry:
    cli
    cld
    movl %eax, %ebp
    movl %ebx, %esi                     // physical address of the loader's information
    movl $boot_stack_top - kVirtualBase, %esp

    movl $0x80000001, %eax
    cpuid
    btl $29, %edx                       // long mode
    jnc no_long_mode

    movl $boot_directories - kVirtualBase, %edi
    movl $0x83, %eax                    // present, writable, 2 MiB
    movl $2048, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b
    movl $boot_directories - kVirtualBase + 3, %eax
    movl $boot_low_pointers - kVirtualBase, %edi
    movl %eax, 510 * 8 + boot_high_pointers - kVirtualBase
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b
    movl $boot_root - kVirtualBase, %edi
    movl $boot_low_pointers - kVirtualBase + 3, %eax
    movl %eax, (%edi)
    movl %eax, 256 * 8(%edi)
    movl $boot_high_pointers - kVirtualBase + 3, %eax
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
    lgdt boot_gdt_pointer
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
    movq $boot_stack_top, %rsp
    movl %ebp, %edi
    xorl %ebp, %ebp
    movabsq $arch_start, %rax
    call *%rax
1:  hlt
    jmp 1b

.section .boot.data, "aw", @progbits
    .balign 8
boot_gdt:
    .quad 0, 0x00AF9B000000FFFF         // 64-bit code
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .long boot_gdt

.section .bss
    .balign 4096
    .globl boot_root
boot_root: .skip 4096
boot_low_pointers: .skip 4096
boot_high_pointers: .skip 4096
boot_directories: .skip 4 * 4096
// The boot processor's kernel stack. Nothing is mapped at the guard page once paging.cpp has done its work.
    .globl boot_stack_guard, boot_stack_top
boot_stack_guard: .skip 4096
    .skip 6 * 4096
boot_stack_top:

.section .note.GNU-stack, "", @progbits
