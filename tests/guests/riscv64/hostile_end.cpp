// Ways to end; which, the letter says. Who comes back from one powers off.
#include "guest.hpp"

using namespace redoubt::guest;

namespace {

constexpr std::uint64_t kNowhere = 0x7000'0000, kEnd = kMemory + kMemoryBytes, kSv39 = 8ULL << 60;

void jump(std::uint64_t address) { reinterpret_cast<void (*)()>(address)(); }
void tables_at(std::uint64_t address) {
    WRITE_CSR(satp, kSv39 | address >> 12);
    asm volatile("sfence.vma");
}
/// An instruction with a0 at the serial port.
void at_registers(std::uint32_t instruction) {
    WRITE_CSR(sstatus, 0x2'0000'6100);
    registers[10] = kSerial;
    try_code(instruction);
}

void tables_that_lead_nowhere() {
    alignas(4096) static std::uint64_t root[512];
    root[kMemory >> 30] = kMemory >> 2 | 0xCF;
    root[1] = kNowhere >> 2 | 1;
    tables_at(reinterpret_cast<std::uint64_t>(root));
    *reinterpret_cast<volatile std::uint64_t*>(1ULL << 30);
}
void code_at_the_end() {
    *reinterpret_cast<volatile std::uint16_t*>(kEnd - 2) = 1;  // c.nop
    asm volatile("fence.i");
    jump(kEnd - 2);
}
void instruction_across_the_end() {
    *reinterpret_cast<volatile std::uint16_t*>(kEnd - 2) = 0x13;
    asm volatile("fence.i");
    jump(kEnd - 2);
}
void handler_nowhere() {
    WRITE_CSR(stvec, kNowhere);
    asm volatile("ebreak");
}
void resets() {
    auto& count = *reinterpret_cast<volatile std::uint64_t*>(kEnd - 0x10'0000);  // stays as it is
    count = count + 1;
    if (count < 4) sbi(kSystemReset, 0, 1 + count % 2);
}

}  // namespace

void guest_main(std::uint64_t, const unsigned char* tree) {
    const char way = variant(tree);
    say("going to end\n");
    switch (way) {
        case 'a':
            jump(kSerial);
            break;
        case 'b':
            jump(kNowhere);
            break;
        case 'c':
            tables_at(kNowhere);
            break;
        case 'd':
            tables_at(kPlic);
            break;
        case 'e':
            tables_at(1ULL << 55);
            break;
        case 'f':
            tables_that_lead_nowhere();
            break;
        case 'g':
            at_registers(0x00B5'202F);  // amoadd.w zero, a1, (a0)
            break;
        case 'h':
            at_registers(0x1005'32AF);  // lr.d
            break;
        case 'i':
            at_registers(0x0005'3007);  // fld
            break;
        case 'j':
            at_registers(0x0005'3027);  // fsd
            break;
        case 'k':
            code_at_the_end();
            break;
        case 'l':
            instruction_across_the_end();
            break;
        case 'm':
            handler_nowhere();
            break;
        case 'n':
            WRITE_CSR(sie, 0);
            asm volatile("wfi");
            break;
        case 'o':
            sbi(kHartState, 1);
            break;
        case 'p':
            WRITE_CSR(sie, 0);
            sbi(kHartState, 3);
            break;
        case 'q':
            sbi(8, 0);
            break;
        case 'r':
            *reinterpret_cast<volatile std::uint32_t*>(kFinisher) = 0x3333;
            break;
        case 's':
            resets();
            break;
        case 't':
            jump(1ULL << 40);
            break;
        case 'u':
            jump(~0ULL << 1);
            break;
        default:
            break;
    }
    power_off();
}
