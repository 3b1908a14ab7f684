// The three ways into libposix: process start, a reflected system call, a new thread.

#define USER_STACK_WORD 24  /* IpcBuffer::user_words[0]: top of this thread's handler stack */
#define REFLECT_RIP 8       /* IpcBuffer::reflect_instruction_pointer */

// Takes from a Frame what lies below rax.
    .macro POP_BELOW_RAX
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r9
    pop %r8
    pop %r10
    pop %rdx
    pop %rsi
    pop %rdi
    .endm

    .text

// rdi: StartupInfo. Everything runs on the main thread's handler stack; the program gets the other one.
    .globl _start
_start:
    lea redoubt_main_handler_stack_top(%rip), %rsp
    mov %rsp, %rsi
    xor %ebp, %ebp
    call redoubt_start          // -> rax: the program's stack pointer, rdx: its entry
    mov %rax, %rsp
    mov %rdx, %rcx
    xor %edx, %edx              // nothing for the program to register with atexit
    xor %ebp, %ebp
    jmp *%rcx

// All registers but rcx and r11 are the program's; rcx and r11 are lost in every Linux system call.
    .globl redoubt_reflect_entry
redoubt_reflect_entry:
    mov %rsp, %rcx
    mov %gs:USER_STACK_WORD, %rsp
    sub $8, %rsp                // keeps the stack aligned: a Frame is an odd number of words
    push %rcx
    pushq %gs:REFLECT_RIP
    push %rax
    push %rdi
    push %rsi
    push %rdx
    push %r10
    push %r8
    push %r9
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    call redoubt_dispatch       // -> rax: the result
    POP_BELOW_RAX
    add $8, %rsp
    pop %rcx
    pop %rsp
    jmp *%rcx

// rdi: Frame. rcx carries the instruction pointer, as after a system call.
    .globl redoubt_resume
redoubt_resume:
    mov %rdi, %rsp
    POP_BELOW_RAX
    pop %rax
    pop %rcx
    pop %rsp
    jmp *%rcx

// rdi: Thread; the stack is its handler stack.
    .globl redoubt_thread_entry
redoubt_thread_entry:
    xor %ebp, %ebp
    call redoubt_thread_main    // -> rax: Frame
    mov %rax, %rdi
    jmp redoubt_resume

    .bss
    .balign 16
    .skip 32768                 // kHandlerStackSize
redoubt_main_handler_stack_top:

    .section .note.GNU-stack, "", @progbits
