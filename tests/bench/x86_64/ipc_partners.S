# What runs in the other address space of tests/bench/ipc.cpp: position-independent, without a stack. rdi: argument.
    .set kReplyRecv, 0x1001
    .set kRecv, 0x1002
    .set kWait, 0x1005

    .section .rodata
    .globl partner_code, partner_code_end, partner_server, partner_waiter, partner_faulter
partner_code:

partner_server:                    # endpoint | reply << 32: answers with what it was sent
    mov %rdi, %r12
    mov $kRecv, %eax
    syscall
1:  mov %r12, %rdi
    mov $kReplyRecv, %eax
    syscall
    jmp 1b

partner_waiter:                    # notification
    mov %rdi, %r12
1:  mov %r12, %rdi
    mov $-1, %rsi                  # no deadline
    mov $kWait, %eax
    syscall
    jmp 1b

partner_faulter:
    movb $1, 0
    jmp partner_faulter

partner_code_end:

    .section .note.GNU-stack, "", @progbits
