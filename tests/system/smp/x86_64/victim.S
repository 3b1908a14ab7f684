// A thread that notices when it loses a register.
    .globl stress_victim
stress_victim:
    xorl %ebx, %ebx
1:  leaq 1(%rbx), %rbp
    leaq 2(%rbx), %r12
    leaq 3(%rbx), %r13
    leaq 4(%rbx), %r14
    leaq 5(%rbx), %r15
    movq %rbx, %xmm3
    movq %rbp, %xmm15
    movl $40, %ecx
2:  loop 2b
    movq 16(%rdi), %rax
    movq %rdi, %r10
    xorl %edi, %edi
    xorl %esi, %esi
    testb $7, %bl                       // a call now and then
    jnz 3f
    pushq %r10
    syscall
    popq %r10
    testq %rax, %rax                    // a call that was begun and not ended would leave its number
    jnz wrong
3:  movq %r10, %rdi
    leaq 1(%rbx), %rax
    cmpq %rax, %rbp
    jne wrong
    leaq 2(%rbx), %rax
    cmpq %rax, %r12
    jne wrong
    leaq 3(%rbx), %rax
    cmpq %rax, %r13
    jne wrong
    leaq 4(%rbx), %rax
    cmpq %rax, %r14
    jne wrong
    leaq 5(%rbx), %rax
    cmpq %rax, %r15
    jne wrong
    movq %xmm3, %rax
    cmpq %rax, %rbx
    jne wrong
    movq %xmm15, %rax
    cmpq %rax, %rbp
    jne wrong
    incq %rbx
    movq %rbx, 0(%rdi)
    jmp 1b
wrong:
    movq $1, 8(%r10)
    jmp wrong

    .section .note.GNU-stack, "", @progbits
