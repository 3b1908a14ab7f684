// What threads of random sequences do. The argument is in rdi (see Scene::start), a deadline in rsp; there is no stack.
    .text
    .globl sequence_entry
sequence_entry:
    movzbl %dil, %ebx
    movq %rdi, %rax
    shrq $8, %rdi
    movzwl %di, %edi
    shrq $24, %rax
    movzwl %ax, %eax
    movq doing_seconds(,%rbx,8), %rsi
    cmpq $1, %rsi
    cmoveq %rsp, %rsi
    cmpq $0, doing_own_slot(,%rbx,8)
    je 1f
    movq %rdi, %rsi
    xorl %edi, %edi
    xorl %eax, %eax
1:  shlq $32, %rax
    orq %rax, %rdi
    movq doing_numbers(,%rbx,8), %rax
    syscall
    movq exit_number, %rax
    syscall

    .section .note.GNU-stack, "", @progbits
