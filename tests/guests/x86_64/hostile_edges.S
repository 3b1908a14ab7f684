# Runs and reaches over the edges of the 48-bit space and of guest-physical memory: instructions that exit, as the
# last ones before an address that is none, or cut off by it.
    .include "hostile.inc"

    .set TABLES, 0x40000        # nine pages: three levels for each of the three edges
    .set PAGES, 0x4a000         # the page at each edge
    .set FAR, 0x4e000           # four pages: three levels and what maps the ends of guest-physical memory

guest_main:
    call set_up
    say "edges\n"
    mov $0xcccccccccccccccc, %rax   # where addresses wrap around to: whatever goes on there ends soon
    mov %rax, 8
    mov %rax, 16
    mov $0x06, %al
    mov %rax, 0
    mov %cr3, %rbx
    lea edges(%rip), %r12
    mov $TABLES, %edi
    mov $PAGES, %r13d
1:  mov (%r12), %r8             # the edge's page
    mov $3, %r9d                # levels to go
    mov %rbx, %rsi              # this level's table
    mov $39, %ecx
2:  mov %r8, %rax
    shr %cl, %rax
    and $0x1ff, %eax
    lea 3(%rdi), %rdx
    mov %rdx, (%rsi, %rax, 8)
    mov %rdi, %rsi
    add $0x1000, %edi
    sub $9, %ecx
    dec %r9d
    jnz 2b
    mov %r8, %rax
    shr $12, %rax
    and $0x1ff, %eax
    lea 3(%r13), %rdx
    mov %rdx, (%rsi, %rax, 8)
    add $0x1000, %r13d
    add $8, %r12
    lea edges_end(%rip), %rax
    cmp %rax, %r12
    jb 1b
    mov %rbx, %cr3

    # Every instruction with every number of its bytes behind the edge.
    lea edges(%rip), %r12
1:  lea instructions(%rip), %r13
2:  xor %r9d, %r9d              # bytes cut off
    cmpq $-0x1000, (%r12)       # an I/O instruction in front of address 0 is one whose end nobody knows
    jne 3f
    inc %r9d
    cmp (%r13), %r9b
    je 8f
3:  movzbl (%r13), %ecx
    sub %r9d, %ecx
    mov (%r12), %rdi
    add $0x1000, %rdi
    sub %rcx, %rdi
    mov %rdi, %r8
    lea 1(%r13), %rsi
    rep movsb
    mov $0xfee00080, %edi
    lea scratch(%rip), %rsi
    mov $0x1b, %ecx
    mov $0x80, %edx
    xor %eax, %eax
    xor %ebx, %ebx
    cmp $-1, %r8                # QEMU 7.2 aborts when it translates an instruction there
    je 7f
    try_rax_begin
    jmp *%r8
    try_rax_end
    cld
7:  inc %r9d
    cmp (%r13), %r9b
    jb 3b
8:  movzbl (%r13), %eax
    lea 1(%r13, %rax), %r13
    lea instructions_end(%rip), %rax
    cmp %rax, %r13
    jb 2b
    # Data across it, and a stack.
    mov (%r12), %rdi
    add $0x1000, %rdi
    mov $9, %ecx
4:  dec %rdi
    try_rax mov (%rdi), %rax
    try_rax mov %rax, (%rdi)
    try_rax lock incq (%rdi)
    try_rax movups %xmm0, (%rdi)
    try_rax movups (%rdi), %xmm1
    try_rax_begin
    mov %rdi, %rsp
    push %rax
    try_rax_end
    mov recover_rsp(%rip), %rsp
    dec %ecx
    jnz 4b
    add $8, %r12
    lea edges_end(%rip), %rax
    cmp %rax, %r12
    jb 1b

    say "ends of guest-physical memory\n"
    mov %cr3, %rbx
    movq $FAR + 3, 8(%rbx)      # what PML4 entry 1 covers
    mov $FAR, %edi
    lea 0x1003(%rdi), %rax
    mov %rax, (%rdi)
    lea 0x2003(%rdi), %rax
    mov %rax, 0x1000(%rdi)
    lea frames(%rip), %r12
5:  mov (%r12), %rax
    or $3, %rax
    mov %rax, FAR + 0x2000
    mov %rbx, %cr3
    mov $0x8000000000, %rdi
    mov $0x1000 / 64, %ebp
6:  try_rax mov (%rdi), %rax
    try_rax mov %rax, (%rdi)
    try_rax movb $1, 63(%rdi)
    try_rax lock btsl $3, (%rdi)
    add $64, %rdi
    dec %ebp
    jnz 6b
    mov $0x8000000ff9, %rdi     # into the page behind it, which is not there
    try_rax mov (%rdi), %rax
    try_rax mov %rax, (%rdi)
    mov $0x8000000000, %rdi
    lea scratch(%rip), %rsi
    mov $64, %ecx
    try_rax rep movsb
    add $8, %r12
    lea frames_end(%rip), %rax
    cmp %rax, %r12
    jb 5b
    jmp power_off

    .balign 8
edges: .quad 0x00007ffffffff000, 0xffff800000000000, 0xfffffffffffff000
edges_end:
frames:
    .quad 0x0000000001fff000, 0x0000000002000000, 0x00000000bffff000, 0x00000000fffff000, 0x0000000100000000
    .quad 0x0000007ffffff000, 0x0000008000000000, 0x000000fffffff000, 0x0000010000000000, 0x00007ffffffff000
    .quad 0x0000fffffffff000, 0x0008000000000000, 0x000ffffffffff000
frames_end:

    .macro instruction bytes:vararg
    .byte 7702f - 7701f
7701: .byte \bytes
7702:
    .endm
instructions:
    instruction 0x90
    instruction 0x0f, 0xa2              # cpuid
    instruction 0xe4, 0x21              # in $0x21, %al
    instruction 0xe6, 0x80              # out %al, $0x80
    instruction 0xed                    # in (%dx), %eax
    instruction 0x66, 0xef              # out %ax, (%dx)
    instruction 0x6c                    # insb
    instruction 0xf3, 0x6e              # rep outsb
    instruction 0x0f, 0x32              # rdmsr
    instruction 0x0f, 0x01, 0xd9        # vmmcall
    instruction 0x0f, 0x01, 0xc1        # vmcall
    instruction 0x0f, 0x01, 0xd8        # vmrun
    instruction 0x0f, 0x01, 0xd1        # xsetbv
    instruction 0x0f, 0x09              # wbinvd
    instruction 0x8b, 0x07              # mov (%rdi), %eax: a register of the local APIC
    instruction 0x89, 0x07              # mov %eax, (%rdi)
    instruction 0xc7, 0x07, 0, 0, 0, 0  # movl $0, (%rdi)
    instruction 0xf0, 0x83, 0x0f, 0     # lock orl $0, (%rdi)
    instruction 0xf3, 0xa4              # rep movsb
    instruction 0x44, 0x0f, 0x20, 0xc0  # mov %cr8, %rax
    instruction 0x44, 0x0f, 0x22, 0xc0  # mov %rax, %cr8
    instruction 0x0f, 0x20, 0xe0        # mov %cr4, %rax
    instruction 0x0f, 0x21, 0xc0        # mov %db0, %rax
    instruction 0x0f, 0x23, 0xc0        # mov %rax, %db0
    instruction 0x0f, 0x0b              # ud2
    instruction 0xcc                    # int3
    instruction 0xcd, 0x20              # int $0x20
    instruction 0xeb, 0x10              # a jump behind it
    instruction 0x0f, 0x05              # syscall
instructions_end:
