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

.set kNativeBase, 0x1000
.set kVcpuRun, 18
.set kSystemInfo, 20
.set kShortWays, kSystemInfo + 1
.set kSystemConstants, 4

// What C functions may change, but rax, rcx, r11 and rsp.
.macro store_arguments base
    movq %rdi, 0(\base)
    movq %rsi, 8(\base)
    movq %rdx, 16(\base)
    movq %r10, 24(\base)
    movq %r8, 32(\base)
    movq %r9, 40(\base)
.endm
.macro load_arguments base
    movq 0(\base), %rdi
    movq 8(\base), %rsi
    movq 16(\base), %rdx
    movq 24(\base), %r10
    movq 32(\base), %r8
    movq 40(\base), %r9
.endm
// What they preserve, but rsp.
.macro store_preserved base
    movq %rbx, 72(\base)
    movq %rbp, 80(\base)
    movq %r12, 88(\base)
    movq %r13, 96(\base)
    movq %r14, 104(\base)
    movq %r15, 112(\base)
.endm
.macro load_preserved base
    movq 72(\base), %rbx
    movq 80(\base), %rbp
    movq 88(\base), %r12
    movq 96(\base), %r13
    movq 104(\base), %r14
    movq 112(\base), %r15
.endm
.macro store_registers base
    store_arguments \base
    store_preserved \base
.endm
.macro load_registers base
    load_arguments \base
    load_preserved \base
.endm

.section .text.entry, "ax", @progbits

// System calls come in twice: where there is one processor alone, the short ways do not lock.
.macro syscall_entry kind
    .globl syscall_entry_\kind
    .balign 64
syscall_entry_\kind:
    swapgs
    movq %rsp, %gs:kUserStack
    movq %gs:kContext, %rsp
    movq %rcx, kRip(%rsp)
    movq %r11, kRflags(%rsp)
    movq %gs:kUserStack, %rcx
    movq %rcx, kRsp(%rsp)
    movq %rax, kRax(%rsp)
    store_arguments %rsp
    leaq -kNativeBase(%rax), %rcx
    cmpq $kShortWays, %rcx
    jae usual_way
    jmp *short_ways_\kind(, %rcx, 8)

    short_way call, \kind
    short_way reply_recv, \kind
    short_way signal, \kind
    short_way wait, \kind
    short_way vcpu_run, \kind

    .pushsection .rodata
    .balign 8
short_ways_\kind:                       // in the order of abi::SyscallNumber (fast_entry.cpp)
    .quad call_\kind, reply_recv_\kind, usual_way, usual_way, signal_\kind, wait_\kind
    .rept kVcpuRun - 6
    .quad usual_way
    .endr
    .quad vcpu_run_\kind, usual_way, system_info
    .popsection
.endm

// The C functions of system calls return a Restore (arch/trap.hpp) in rax and rdx.
.macro short_way name, kind
\name\()_\kind:
    store_preserved %rsp
    movq $kSyscallVector, kVector(%rsp)
    movq %rsp, %rdi
    movq %gs:kKernelStack, %rsp
    xorl %ebp, %ebp
    call fast_\name\()_\kind
    testq %rdx, %rdx
    jnz restore_with_message
    testq %rax, %rax
    jnz restore_same
    movq %gs:kContext, %rdi
    jmp usual_way_saved
.endm

    syscall_entry alone
    syscall_entry locking

usual_way:
    store_preserved %rsp
    movq $kSyscallVector, kVector(%rsp)
    movq %rsp, %rdi
    movq %gs:kKernelStack, %rsp
usual_way_saved:
    xorl %ebp, %ebp
    call kernel_entry_syscall
    testq %rdx, %rdx
    jz restore_same

// rax: the UserContext to continue; rdx: the one in which its message registers are.
restore_with_message:
    movq kRip(%rax), %rcx
    movq %rcx, %r11
    shrq $47, %r11
    jnz 3f
    cmpq $kSyscallVector, kVector(%rax)
    jne 2f
    load_preserved %rax
    movq 0(%rax), %rdi
    movq 8(%rax), %rsi
    movq 24(%rdx), %r10
    movq 32(%rdx), %r8
    movq 40(%rdx), %r9
    movq 16(%rdx), %rdx
    movq kRflags(%rax), %r11
    movq kRsp(%rax), %rsp
    movq kRax(%rax), %rax
    swapgs
    sysretq

// Everything must be restored, rcx and r11 too; who comes here has its message already. The selectors and the
// flags the kernel insists on are written here, so that no context, even one never initialized, can make IRETQ
// fault.
2:  movq $kUserCode, kCs(%rax)
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
3:  movabsq $0x00007FFFFFFFF000, %rcx
    movq %rcx, kRip(%rax)
    jmp 2b

// Reads nothing but a table, so everything is still in its register.
system_info:
    cmpl $kSystemConstants, %edi
    jae usual_way
    movl %edi, %ecx
    movq system_constants(, %rcx, 8), %rsi
    movq kRip(%rsp), %rcx
    movq kRsp(%rsp), %rsp
    xorl %eax, %eax
    swapgs
    sysretq

// rax: the UserContext to continue.
restore_user:
    movq %rax, %rdx
    jmp restore_with_message

// rax: the UserContext that came in.
restore_same:
    movq 80(%rax), %rbp                 // the others that C functions preserve are still there
    movq kRip(%rax), %rcx
    movq kRflags(%rax), %r11
    load_arguments %rax
    movq kRsp(%rax), %rsp
    movq kRax(%rax), %rax
    swapgs
    sysretq

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

.section .bss
// The boot processor's kernel stack. Nothing is mapped at the guard page once kernel_map.cpp has done its work.
    .balign 4096
    .globl boot_stack_guard, boot_stack_top
boot_stack_guard: .skip 4096
    .skip 6 * 4096
boot_stack_top:

.section .note.GNU-stack, "", @progbits
