# What runs in the other address space of tests/bench/ipc.cpp: position-independent, without a stack. a0: argument.
    .set kReplyRecv, 0x1001
    .set kRecv, 0x1002
    .set kWait, 0x1005

    .option norvc
    .section .rodata
    .globl partner_code, partner_code_end, partner_server, partner_waiter, partner_faulter
    .balign 4
partner_code:

partner_server:                    # endpoint | reply << 32: answers with what it was sent
    mv s0, a0
    li a7, kRecv
    ecall
1:  mv a0, s0
    li a7, kReplyRecv
    ecall
    j 1b

partner_waiter:                    # notification
    mv s0, a0
1:  mv a0, s0
    li a1, -1                      # no deadline
    li a7, kWait
    ecall
    j 1b

partner_faulter:
    sb zero, 0(zero)
    j partner_faulter

partner_code_end:

    .section .note.GNU-stack, "", @progbits
