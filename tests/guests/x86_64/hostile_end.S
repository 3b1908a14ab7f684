# Goes a way that has no end but the VM's; which one, the first letter of the command line says.
    .include "hostile.inc"

    .set RESETS, 0x60000        # memory stays as it is when the machine is reset
guest_main:
    mov 0x228(%rsi), %eax
    movzbl (%rax), %ebp
    call set_up
    say "going to end\n"
    mov $0xfee00000, %ebx
    lea ways(%rip), %rsi
    sub $'a', %ebp
    movslq (%rsi, %rbp, 4), %rax
    add %rsi, %rax
    jmp *%rax

push_to_registers:
    push 0x20(%rbx)
    jmp power_off
call_through_registers:
    call *0x20(%rbx)
    jmp power_off
stack_in_registers:
    lea 0x400(%rbx), %rsp
    push %rax
    jmp power_off
stack_nowhere_and_a_fault:
    mov $0xb0000000, %esp
    movb $0, idt + 6 * 16 + 4(%rip)     # #UD without IST
    ud2
tables_in_registers:
    mov %rbx, %cr3
    jmp power_off
tables_nowhere:
    mov $0xb0000000, %eax
    mov %rax, %cr3
    jmp power_off
tables_beyond_all:
    mov $0xfffffffff000, %rax
    mov %rax, %cr3
    jmp power_off
directory_in_registers:
    mov %cr3, %rax
    lea 3(%rbx), %rcx
    mov %rcx, 8(%rax)                   # what PML4 entry 1 covers
    mov $0x8000000000, %rax
    mov (%rax), %rax
    jmp power_off
code_at_the_end_of_memory:
    movb $0x90, 0x1fffffe
    movb $0x90, 0x1ffffff
    mov $0x1fffffe, %eax
    jmp *%rax
instruction_across_the_end_of_memory:
    movw $0xb848, 0x1fffffe             # mov $…, %rax
    mov $0x1fffffe, %eax
    jmp *%rax
code_in_registers:
    lea 0x20(%rbx), %rax
    jmp *%rax
idt_in_registers:
    mov %rbx, idt_pointer + 2(%rip)
    lidt idt_pointer(%rip)
    int $3
gdt_nowhere:
    mov $0xb0000000, %eax
    mov %rax, gdt_pointer + 2(%rip)
    lgdt gdt_pointer(%rip)
    mov $0x18, %eax
    mov %eax, %ds
    jmp power_off
task_switch:
    lidt nothing(%rip)
    int $0x80
sse_arithmetic_on_registers:
    addps (%rbx), %xmm0
    jmp power_off
x87_on_registers:
    fldl (%rbx)
    fstpl 0x80(%rbx)
    jmp power_off
exchange_of_16_bytes:
    lock cmpxchg16b (%rbx)
    jmp power_off
xsave_to_registers:
    fxsave (%rbx)
    jmp power_off
init_to_itself_with_interrupts_off:
    mov $0x1fff000, %eax                # survives the reset that this comes to
    cmpl $0x600d, (%rax)
    je power_off
    movl $0x600d, (%rax)
    cli
    incl RESETS                         # it starts anew: the second time it just waits
    cmpl $1, RESETS
    ja 1f
    movl $0x44500, 0x300(%rbx)
1:  hlt
    jmp 1b
nmi_without_handler:
    lidt nothing(%rip)
    movl $0x44400, 0x300(%rbx)
    jmp power_off

reserved_bits_of_cr0:
    mov %cr0, %rax
    bts $40, %rax
    mov %rax, %cr0
    cpuid
    jmp power_off
reserved_bits_of_dr7:
    mov $1, %eax
    shl $40, %rax
    try_rax mov %rax, %db7
    cpuid
    jmp power_off
not_write_through:
    mov %cr0, %rax
    bts $29, %rax
    mov %rax, %cr0
    cpuid
    jmp power_off

    .balign 4
ways:
    .long push_to_registers - ways, call_through_registers - ways, stack_in_registers - ways        # a-c
    .long stack_nowhere_and_a_fault - ways, tables_in_registers - ways, tables_nowhere - ways       # d-f
    .long tables_beyond_all - ways, directory_in_registers - ways, code_at_the_end_of_memory - ways # g-i
    .long instruction_across_the_end_of_memory - ways, code_in_registers - ways                     # j-k
    .long idt_in_registers - ways, gdt_nowhere - ways, task_switch - ways                           # l-n
    .long sse_arithmetic_on_registers - ways, x87_on_registers - ways                               # o-p
    .long exchange_of_16_bytes - ways, xsave_to_registers - ways                                    # q-r
    .long init_to_itself_with_interrupts_off - ways, nmi_without_handler - ways                     # s-t
    .long reserved_bits_of_cr0 - ways, reserved_bits_of_dr7 - ways, not_write_through - ways # u-w
nothing: .word 0
    .quad 0
