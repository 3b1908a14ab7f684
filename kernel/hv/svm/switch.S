// VMRUN with everything around it (APM vol. 2, 15.5 and 15.17). Interrupts are off and GIF is set on entry and
// on return. rdi: general registers, rsi: VMCB, rdx: host state; only rbx and rbp are preserved. With GIF clear the host's IF may be set: it tells VMRUN to let physical interrupts end the guest.

.section .text, "ax", @progbits

    .globl svm_switch
    .type svm_switch, @function
    .balign 64
svm_switch:
    pushq %rbp
    pushq %rbx
    pushq %rdi                      // 8(%rsp): general registers
    pushq %rdx                      // 0(%rsp): host state
    movq %rdx, %rax
    clgi
    sti
    vmsave %rax
    movq 1*8(%rdi), %rcx
    movq 2*8(%rdi), %rdx
    movq 3*8(%rdi), %rbx
    movq 5*8(%rdi), %rbp
    movq 8*8(%rdi), %r8
    movq 9*8(%rdi), %r9
    movq 10*8(%rdi), %r10
    movq 11*8(%rdi), %r11
    movq 12*8(%rdi), %r12
    movq 13*8(%rdi), %r13
    movq 14*8(%rdi), %r14
    movq 15*8(%rdi), %r15
    movq %rsi, %rax
    movq 6*8(%rdi), %rsi
    movq 7*8(%rdi), %rdi
    vmload %rax
    vmrun %rax
    vmsave %rax                     // rax is the host's again
    popq %rax
    vmload %rax
    xchgq %rdi, 0(%rsp)
    movq %rcx, 1*8(%rdi)
    movq %rdx, 2*8(%rdi)
    movq %rbx, 3*8(%rdi)
    movq %rbp, 5*8(%rdi)
    movq %rsi, 6*8(%rdi)
    movq %r8, 8*8(%rdi)
    movq %r9, 9*8(%rdi)
    movq %r10, 10*8(%rdi)
    movq %r11, 11*8(%rdi)
    movq %r12, 12*8(%rdi)
    movq %r13, 13*8(%rdi)
    movq %r14, 14*8(%rdi)
    movq %r15, 15*8(%rdi)
    popq 7*8(%rdi)                  // the guest's rdi
    cli
    stgi
    // Nothing of the guest stays in a register that the host might be made to use speculatively.
    xorl %ecx, %ecx
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    xorl %r11d, %r11d
    xorl %r12d, %r12d
    xorl %r13d, %r13d
    xorl %r14d, %r14d
    xorl %r15d, %r15d
    popq %rbx
    popq %rbp
    ret
    .size svm_switch, . - svm_switch

.section .note.GNU-stack, "", @progbits
