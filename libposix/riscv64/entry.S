// The three ways into libposix: process start, a reflected system call, a new thread.
//
// In libposix the thread pointer is the address of the thread's IPC buffer; the program has its own.

#define USER_STACK_WORD 24  /* IpcBuffer::user_words[0]: top of this thread's handler stack */
#define REFLECT_PC 8        /* IpcBuffer::reflect_instruction_pointer */
#define REFLECT_TP 16       /* IpcBuffer::reflect_flags: the program's thread pointer */
#define REFLECT_NUMBER 152   /* IpcBuffer::reflect_number */
#define REFLECT_RETURN 0xFFF /* abi::kReflectReturn */
#define FRAME_BYTES 256

    .text

// a0: StartupInfo. Everything runs on the main thread's handler stack; the program gets the other one.
    .globl _start
_start:
    lla sp, redoubt_main_handler_stack_top
    mv a1, sp
    li s0, 0
    call redoubt_start          // -> a0: the program's stack pointer, a1: its entry
    mv sp, a0
    mv t0, a1
    li a0, 0                    // nothing for the program to register with atexit
    li tp, 0
    li ra, 0
    jr t0

// tp: the IPC buffer. All registers but tp, which is there, are the program's.
    .globl redoubt_reflect_entry
redoubt_reflect_entry:
    sd sp, USER_STACK_WORD + 16(tp)     // user_words[2], until the frame has it
    ld sp, USER_STACK_WORD(tp)
    addi sp, sp, -FRAME_BYTES
    sd ra, 8(sp)
    sd gp, 24(sp)
    .irp number, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd x\number, 8 * \number(sp)
    .endr
    ld t0, REFLECT_PC(tp)
    sd t0, 0(sp)
    ld t0, USER_STACK_WORD + 16(tp)
    sd t0, 16(sp)
    ld t0, REFLECT_TP(tp)
    sd t0, 32(sp)
    mv a0, sp
    call redoubt_dispatch       // -> a0: the result
    sd a0, 80(sp)
    mv a0, sp

// a0: Frame. A system call preserves every register but a0, so that none is left to jump with: the kernel does the
// last step.
    .globl redoubt_resume
redoubt_resume:
    ld t0, 0(a0)
    sd t0, REFLECT_PC(tp)
    ld t0, 32(a0)
    sd t0, REFLECT_TP(tp)
    ld t0, 8 * 17(a0)
    sd t0, REFLECT_NUMBER(tp)
    ld ra, 8(a0)
    ld sp, 16(a0)
    ld gp, 24(a0)
    .irp number, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld x\number, 8 * \number(a0)
    .endr
    ld a0, 80(a0)
    li a7, REFLECT_RETURN
    ecall

// a0: Thread; the stack is its handler stack.
    .globl redoubt_thread_entry
redoubt_thread_entry:
    li s0, 0
    call redoubt_thread_main    // -> a0: Frame
    j redoubt_resume

    .bss
    .balign 16
    .skip 32768                 // kHandlerStackSize
redoubt_main_handler_stack_top:

    .section .note.GNU-stack, "", @progbits
