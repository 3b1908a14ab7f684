# Four processors that do to each other what they can; what, the first letter of the command line says.
    .include "hostile.inc"

    .set PAGES, 0x30            # 0x30000: eight pages of real-mode code that counts, in its own page
    .set HANDLER, 0x38          # for every vector of real mode
    .set ARRIVAL, 0x39          # counts once and halts
    .set FAULT, 0x3a            # has no way to handle its fault
    .set GARBAGE, 0x40          # sixteen pages
    .set COUNT, 0x800           # in each page
    .set RESETS, 0x60000        # memory stays as it is when the machine is reset
    .set OTHERS, 3

guest_main:
    mov 0x228(%rsi), %eax
    movzbl (%rax), %ebp
    call set_up
    mov $0xfee00000, %ebx
    movl $0x1ff, 0xf0(%rbx)
    xor %edx, %edx
1:  mov %edx, %edi
    shl $12, %edi
    add $PAGES << 12, %edi
    lea counting(%rip), %rsi
    call place
    inc %edx
    cmp $8, %edx
    jb 1b
    mov $HANDLER << 12, %edi
    lea handler(%rip), %rsi
    call place
    mov $ARRIVAL << 12, %edi
    lea arrival(%rip), %rsi
    call place
    mov $FAULT << 12, %edi
    lea fault(%rip), %rsi
    call place
    xor %edi, %edi              # real mode's vectors
    mov $HANDLER << 24, %eax    # segment HANDLER00h
    mov $256, %ecx
    rep stosl

    cmp $'g', %ebp
    je start_at_garbage
    cmp $'i', %ebp
    je init_to_itself
    cmp $'h', %ebp
    je all_halt
    cmp $'t', %ebp
    je fault_of_another

    say "messages of every kind\n"
    mov $6000, %ebp
1:  call random
    mov %rax, %rdx
    shr $32, %rdx
    mov %edx, %ecx
    and $0x0f000000, %ecx
    mov %ecx, 0x310(%rbx)       # whom, if there is such a one
    and $0xc8fff, %eax
    or $0x4000, %eax
    mov %eax, %ecx
    shr $8, %ecx
    and $7, %ecx
    cmp $7, %ecx                # ExtINT: whatever the 8259 has
    je 4f
    cmp $5, %ecx
    je 2f
    cmp $6, %ecx
    jne 3f
    and $0xcff07, %eax          # SIPI to one of the counting pages
    or $PAGES, %eax
    jmp 3f
2:  and $0x7fff, %eax           # INIT, edge
    or $0xc0000, %eax           # to all but itself
3:  mov %eax, 0x300(%rbx)
4:  dec %ebp
    jnz 1b
    say "they start after all that\n"
    xor %ebp, %ebp
1:  movl $0xc4500, 0x300(%rbx)
    movl $0xc4600 | ARRIVAL, 0x300(%rbx)
    add $OTHERS, %ebp
2:  pause
    cmp %bp, (ARRIVAL << 12) + COUNT
    jne 2b
    cmp $OTHERS * 10, %ebp
    jb 1b
    jmp power_off

# Random bytes for code, from random pages on; whoever falls takes the machine with it.
start_at_garbage:
    say "garbage\n"
    mov $GARBAGE << 12, %edi
    mov $16 * 4096 / 8, %ecx
1:  call random
    stosq
    loop 1b
    mov $2000, %ebp
1:  call random
    and $0xf, %eax
    or $0xc4600 | GARBAGE, %eax
    movl $0xc4500, 0x300(%rbx)
    mov %eax, 0x300(%rbx)
    mov $300, %ecx
2:  pause
    loop 2b
    dec %ebp
    jnz 1b
    jmp power_off

init_to_itself:
    incl RESETS
    cmpl $4, RESETS
    je power_off
    movl $0, 0x310(%rbx)
    movl $0x4500, 0x300(%rbx)
1:  pause
    jmp 1b

all_halt:
    say "halting\n"
    movl $0xc4600 | ARRIVAL, 0x300(%rbx)
    cli
1:  hlt
    jmp 1b

fault_of_another:
    say "another one faults\n"
    movl $0x02000000, 0x310(%rbx)
    movl $0x4600 | FAULT, 0x300(%rbx)
1:  pause
    jmp 1b

# 64 bytes from rsi to rdi. Clobbers ecx.
place:
    mov $64, %ecx
    rep movsb
    ret

    .code16
counting:
1:  lock incw %cs:COUNT
    pause
    jmp 1b
handler:
    iret
arrival:
    lock incw %cs:COUNT
1:  cli
    hlt
    jmp 1b
fault:
    lidtw %cs:1f - fault
    ud2
1:  .word 0, 0, 0
    .fill 64
    .code64
