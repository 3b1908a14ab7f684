// Real-mode guests of the probe, each position-independent and copied to where it runs.
    .macro guest name
    .globl guest_\name, guest_\name\()_end
guest_\name:
    .endm
    .macro done name
guest_\name\()_end:
    .endm

    .section .rodata
    .code16

    // One exit of each kind, in the order in which probe.cpp expects them.
    guest exits
    movb $0x41, %al
    outb %al, $0x10
    inw $0x20, %ax
    movw $0x3F8, %dx
    outb %al, %dx
    movl $0x1234, %eax
    cpuid
    vmmcall
    movl $0x10, %ecx
    rdmsr
    wrmsr
    movb %al, %es:0x10              // not mapped: probe.cpp sets ES
    movb %al, %fs:0x10              // read-only
    wbinvd
    ud2
    hlt
    done exits

    guest step
    movl $0x77, %eax
    nop
    hlt
    done step

    // What only rings, then what looks like it. probe.cpp has bound doorbells to 700h and 701h.
    guest bells
    movl $7, %eax
    movw $0x700, %dx
    outb %al, %dx
    outl %eax, %dx
    incw %dx
    outb %al, %dx
    incb %al
    outb %al, %dx                   // another value
    decb %al
    outw %ax, %dx                   // another size
    inb %dx, %al
    hlt
    done bells

    guest ringer
1:  outb %al, $0x70
    jmp 1b
    done ringer

    // Leaf 1 without and with OSXSAVE, its ECX in ESI and EDI, then a leaf that is in no table.
    guest cpuid
    movl $1, %eax
    cpuid
    movl %ecx, %esi
    movl %cr4, %eax
    orl $0x40000, %eax
    movl %eax, %cr4
    movl $1, %eax
    cpuid
    movl %ecx, %edi
    movl $7, %eax
    movl $5, %ecx
    cpuid
    hlt
    done cpuid

    // What a debugger wants to see, at the offsets that probe.cpp expects.
    guest debugged
    movb %al, 0x600
    nop
    nop
    int3
    int $0x21
    movl %ecx, %dr7
    hlt
    done debugged

    guest spin
1:  jmp 1b
    done spin

    // IVT entry 0x20, and 2 for NMI, lead here.
    guest handler
    outb %al, $0x55
    iret
    done handler

    guest halt
    hlt
    done halt

    guest undefined
    ud2
    done undefined

    // Keeps comparing everything that is the guest's alone with its number, in %ebp; halts after a while, or
    // writes to port 0x99 when something changed.
    guest identity
    movl %cr4, %eax
    orl $0x600, %eax                // OSFXSR, OSXMMEXCPT
    movl %eax, %cr4
    movd %ebp, %xmm5
    movd %ebp, %mm3
    movl %ebp, %cr2
    movl $0xC0000102, %ecx          // kernel GS base
    movl %ebp, %eax
    xorl %edx, %edx
    wrmsr
    movl $3000000, %esi
1:  movd %xmm5, %eax
    cmpl %eax, %ebp
    jne 2f
    movd %mm3, %eax
    cmpl %eax, %ebp
    jne 2f
    movl %cr2, %eax
    cmpl %eax, %ebp
    jne 2f
    rdmsr
    cmpl %eax, %ebp
    jne 2f
    decl %esi
    jnz 1b
    hlt
2:  outb %al, $0x99
    jmp 2b
    done identity

    .section .note.GNU-stack, "", @progbits
