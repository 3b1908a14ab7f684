// Entries from user space and from interrupts, and the way back. Interrupts are off throughout.
//
// From user space everything is stored straight into the running thread's UserContext: system calls find it
// through GS, traps find the stack pointer there already (TSS.RSP0 is the end of its trap frame). Offsets are
// those of TrapFrame in arch/context.hpp and PerCpu in arch/cpu.hpp.

.set kContext, 8
.set kUserStack, 16
.set kKernelStack, 24

.set kRax, 48
.set kRcx, 56
.set kR11, 64
.set kVector, 120
.set kRip, 136
.set kCs, 144
.set kRflags, 152
.set kRsp, 160
.set kSs, 168

.set kUserCode, 0x2B
.set kUserData, 0x23
.set kSyscallVector, 0x100

// All general registers but rax, rcx, r11 and rsp.
.macro store_registers base
    movq %rdi, 0(\base)
    movq %rsi, 8(\base)
    movq %rdx, 16(\base)
    movq %r10, 24(\base)
    movq %r8, 32(\base)
    movq %r9, 40(\base)
    movq %rbx, 72(\base)
    movq %rbp, 80(\base)
    movq %r12, 88(\base)
    movq %r13, 96(\base)
    movq %r14, 104(\base)
    movq %r15, 112(\base)
.endm
.macro load_registers base
    movq 0(\base), %rdi
    movq 8(\base), %rsi
    movq 16(\base), %rdx
    movq 24(\base), %r10
    movq 32(\base), %r8
    movq 40(\base), %r9
    movq 72(\base), %rbx
    movq 80(\base), %rbp
    movq 88(\base), %r12
    movq 96(\base), %r13
    movq 104(\base), %r14
    movq 112(\base), %r15
.endm

.section .text.entry, "ax", @progbits

    .globl syscall_entry
    .balign 64
syscall_entry:
    swapgs
    movq %rsp, %gs:kUserStack
    movq %gs:kContext, %rsp
    movq %rcx, kRip(%rsp)
    movq %r11, kRflags(%rsp)
    movq %gs:kUserStack, %rcx
    movq %rcx, kRsp(%rsp)
    movq %rax, kRax(%rsp)
    store_registers %rsp
    movq $kSyscallVector, kVector(%rsp)
    movq %rsp, %rdi
    movq %gs:kKernelStack, %rsp
    xorl %ebp, %ebp
    call kernel_entry_syscall

// rax: the UserContext to continue.
restore_user:
    movq kRip(%rax), %rcx
    movq %rcx, %rdx
    shrq $47, %rdx
    jnz 2f
    cmpq $kSyscallVector, kVector(%rax)
    jne 1f
    movq kRflags(%rax), %r11
    load_registers %rax
    movq kRsp(%rax), %rsp
    movq kRax(%rax), %rax
    swapgs
    sysretq

// Everything must be restored, rcx and r11 too. The selectors and the flags the kernel insists on are written
// here, so that no context, even one never initialized, can make IRETQ fault.
1:  movq $kUserCode, kCs(%rax)
    movq $kUserData, kSs(%rax)
    orq $0x202, kRflags(%rax)
    load_registers %rax
    movq kRcx(%rax), %rcx
    movq kR11(%rax), %r11
    leaq kRip(%rax), %rsp
    movq kRax(%rax), %rax
    swapgs
    iretq

// Returning to a non-canonical address would fault in the kernel; the page after user space, which is never
// mapped, lets the thread fault instead.
2:  movabsq $0x00007FFFFFFFF000, %rcx
    movq %rcx, kRip(%rax)
    jmp 1b

    .globl enter_scheduler_on_stack
enter_scheduler_on_stack:
    movq %gs:kKernelStack, %rsp
    xorl %ebp, %ebp
    call kernel_first_entry
    jmp restore_user

// Traps and interrupts: the vector and an error code lie below the processor's frame.
trap_common:
    .globl clac_site
clac_site:
    .byte 0x0F, 0x1F, 0x00              // becomes CLAC where SMAP is in force: gates do not clear AC
    cld
    testb $3, kCs - kVector(%rsp)
    jz kernel_trap
    swapgs
    subq $kVector, %rsp
    movq %rax, kRax(%rsp)
    movq %rcx, kRcx(%rsp)
    movq %r11, kR11(%rsp)
    store_registers %rsp
    movq %rsp, %rdi
    movq %gs:kKernelStack, %rsp
    xorl %ebp, %ebp
    call kernel_entry_trap
    jmp restore_user

// From the kernel itself (an interrupt it let in, or a mistake), and NMI, #DF and #MC from anywhere, which have
// stacks of their own and must not depend on GS.
kernel_trap:
    subq $kVector, %rsp
    movq %rax, kRax(%rsp)
    movq %rcx, kRcx(%rsp)
    movq %r11, kR11(%rsp)
    store_registers %rsp
    movq %rsp, %rdi
    call kernel_mode_trap
    movq %rsp, %rax
    load_registers %rax
    movq kRcx(%rsp), %rcx
    movq kR11(%rsp), %r11
    movq kRax(%rsp), %rax
    addq $kRip, %rsp
    iretq

    .balign 16
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    pushq $0
    .endif
    pushq $vector
    .if vector == 2 || vector == 8 || vector == 18
    cld
    jmp kernel_trap
    .else
    jmp trap_common
    .endif
    .set vector, vector + 1
    .endr

.section .note.GNU-stack, "", @progbits
