# From long mode through every other mode and back, with exits in each of them. With "l" on its command
# line it also runs with EFER.LME set and CR4.PAE clear, which QEMU 7.2 cannot leave by itself. With "r" it
# goes through the modes at random.
    .include "hostile.inc"

    .equ low_code, 0x3000
    .equ directory_32, 0x4000
    .equ pointers_pae, 0x5000
    .equ boot_tables, 0x9000    # vmmd's: PML4, PDPT, four PDs

    .macro probe
    xor %eax, %eax
    cpuid
    mov $0x42, %al
    out %al, $0x80
    in $0x21, %al
    mov $0x1b, %ecx
    rdmsr
    .endm
    .macro probe_32
    probe
    mov 0xfee00020, %eax
    mov %eax, 0xfee000f4 - 0x74 # task priority
    movl $0, 0xfee00080
    lock; orl $0, 0xfee00080
    mov 0xb0000000, %al
    .endm
    .macro clear_paging
    mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    .endm
    .macro set_paging
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    .endm
    .macro change_cr4 set, clear
    mov %cr4, %eax
    or $\set, %eax
    and $~\clear, %eax
    mov %eax, %cr4
    .endm

guest_main:
    mov 0x228(%rsi), %eax       # boot_params.hdr.cmd_line_ptr
    mov (%rax), %al
    mov %al, variant(%rip)
    call set_up
    say "modes\n"
    lea guest_main(%rip), %rbp
    sub $guest_main, %rbp       # where link address 0 is
    lea low_begin(%rip), %rsi
    mov $low_code, %edi
    mov $low_end - low_begin, %ecx
    rep movsb
    lea back_to_32(%rip), %rax
    mov %eax, low_code + (far_back - low_begin) + 2
    lea in_64(%rip), %rax
    mov %eax, far_64(%rip)
    mov $0x83, %eax
    mov $directory_32, %edi
1:  mov %eax, (%rdi)
    add $4, %edi
    add $0x400000, %eax
    jnc 1b
    mov $pointers_pae, %edi
    mov $boot_tables + 0x2001, %eax
    mov $4, %ecx
2:  mov %rax, (%rdi)
    add $8, %edi
    add $0x1000, %eax
    loop 2b
    movl $20, rounds(%rip)
round:
    pushq $0x20
    lea in_32(%rip), %rax
    push %rax
    lretq

    .code32
in_32:
    mov $0x18, %eax
    mov %eax, %ds
    mov %eax, %ss
    mov %eax, %gs
    probe_32                    # compatibility mode
    clear_paging
    probe_32
    cmpb $'l', variant(%ebp)
    jne 3f
    change_cr4 0, 0x20          # LME without PAE
    probe_32
    change_cr4 0x80, 0
    probe_32
    mov $0xc0000080, %ecx
    rdmsr
    bt $8, %eax
    jnc bad
    change_cr4 0x20, 0
    probe_32
    set_paging                  # long mode again, as before
    probe_32
    mov $0xc0000080, %ecx
    rdmsr
    bt $10, %eax
    jnc bad
    clear_paging
    change_cr4 0, 0x20
3:  mov $0xc0000080, %ecx
    rdmsr
    and $~0x100, %eax
    wrmsr
    probe_32
    change_cr4 0x10, 0x20
    probe_32
    cmpb $'r', variant(%ebp)
    je hub
from_hub:
    mov $directory_32, %eax
    mov %eax, %cr3
    set_paging                  # 32-bit paging
    probe_32
    clear_paging
    mov $pointers_pae, %eax
    mov %eax, %cr3
    change_cr4 0x20, 0
    set_paging                  # PAE
    probe_32
    clear_paging
    mov $0x30, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    ljmp $0x28, $low_code
bad: ud2
back_to_32:
    mov $0x18, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    cmpb $'l', variant(%ebp)
    jne 4f
    change_cr4 0, 0x20
    mov $0xc0000080, %ecx       # LME first, PAE after it
    rdmsr
    or $0x100, %eax
    wrmsr
    probe_32
4:  change_cr4 0x20, 0
    mov $boot_tables, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    set_paging
    ljmp *far_64(%ebp)

# Without paging, in 32 bits: from here every mode can be entered, and from each it is left to here.
hub:
    decl turns(%ebp)
    jz hub_is_done
    imul $1103515245, turn_seed(%ebp), %eax
    add $12345, %eax
    mov %eax, turn_seed(%ebp)
    mov %eax, %esi
    shr $16, %eax
    mov %eax, %edi
    and $0x00050020, %esi       # NE, WP, AM: as they come
    mov %cr0, %edx
    and $~0x00050020, %edx
    or %edx, %esi
    mov %esi, %cr0
    mov %edi, %esi
    and $0x8c, %esi             # TSD, DE, PGE
    mov %cr4, %edx
    and $~0x8c, %edx
    or %edx, %esi
    mov %esi, %cr4
    shr $9, %edi
    and $7, %edi
    cmp $0, %edi
    je hub_paging_32
    cmp $1, %edi
    je hub_paging_pae
    cmp $4, %edi
    jb hub_real
    cmp $7, %edi
    jb hub_long
    probe_32
    jmp hub
hub_paging_32:
    mov $directory_32, %eax
    mov %eax, %cr3
    set_paging
    probe_32
    clear_paging
    jmp hub
hub_paging_pae:
    mov $pointers_pae, %eax
    mov %eax, %cr3
    change_cr4 0x20, 0
    set_paging
    probe_32
    clear_paging
    change_cr4 0, 0x20
    jmp hub
hub_long:                       # compatibility mode, and for two of three 64 bits
    mov $boot_tables, %eax
    mov %eax, %cr3
    change_cr4 0x20, 0
    mov $0xc0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    set_paging
    probe_32
    cmp $4, %edi
    je hub_leaves_long
    push $0x10
    lea hub_64(%ebp), %eax
    push %eax
    lret
    .code64
hub_64:
    probe
    pushq $0x20
    lea hub_leaves_long(%rip), %rax
    push %rax
    lretq
    .code32
hub_leaves_long:
    clear_paging
    mov $0xc0000080, %ecx
    rdmsr
    and $~0x100, %eax
    wrmsr
    change_cr4 0, 0x20
    jmp hub
hub_real:
    lea hub_after_real(%ebp), %eax
    mov %eax, low_code + (far_back - low_begin) + 2
    mov $0x30, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    ljmp $0x28, $low_code
hub_after_real:
    mov $0x18, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    jmp hub
hub_is_done:
    movl $1, rounds(%ebp)
    lea back_to_32(%ebp), %eax
    mov %eax, low_code + (far_back - low_begin) + 2
    mov old_cr0(%ebp), %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    change_cr4 0x10, 0x8c
    jmp from_hub

    .code16
low_begin:
    probe                       # protected mode of 16 bits
    mov %cr0, %eax
    and $0xfe, %al
    mov %eax, %cr0
    ljmp $0, $low_code + (in_real - low_begin)
in_real:
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    probe                       # real mode
    addr32 mov %gs:0xfee00020, %eax
    addr32 movb $0, %gs:0xfee00080
    mov $0x80, %dx
    mov $0x6000, %di
    mov $5, %cx
    rep insb
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
far_back:
    ljmpl $0x20, $0
low_end:
    .code64
in_64:
    mov $0x18, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    decl rounds(%rip)
    jnz round
    jmp power_off

    .section .data
far_64: .long 0
    .word 0x10
rounds: .long 0
turns: .long 400
turn_seed: .long 2463534242
variant: .byte 0
