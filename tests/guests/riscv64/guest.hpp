// What the small guests share: no library, no paging, one hart but where they start others.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {
/// Never returns on the first hart.
void guest_main(std::uint64_t hart, const unsigned char* device_tree);
[[noreturn]] void power_off();
/// In start.S.
std::uint64_t attempt(const void* code, const std::uint64_t* registers);
void on_trap();
void on_interrupt();
void start_hart();
extern volatile std::uint64_t interrupts;
}

namespace redoubt::guest {

inline constexpr std::uint64_t kMemory = 0x8000'0000, kMemoryBytes = 32 << 20;
inline constexpr std::uint64_t kSerial = 0x1000'0000, kPlic = 0xC00'0000, kClock = 0x10'1000,
                               kFinisher = 0x10'0000;
inline constexpr std::uint32_t kBreakpoint = 0x0010'0073;

enum Extension : std::uint64_t {
    kBase = 0x10,
    kIpi = 0x73'5049,
    kHartState = 0x48'534D,
    kTime = 0x5449'4D45,
    kRemoteFence = 0x5246'4E43,
    kSystemReset = 0x5352'5354,
    kConsole = 0x4442'434E,
};

struct SbiResult {
    std::int64_t error;
    std::uint64_t value;
};
inline SbiResult sbi(std::uint64_t extension, std::uint64_t function, std::uint64_t a0 = 0,
                     std::uint64_t a1 = 0, std::uint64_t a2 = 0, std::uint64_t a3 = 0,
                     std::uint64_t a4 = 0, std::uint64_t a5 = 0) {
    register std::uint64_t r0 asm("a0") = a0;
    register std::uint64_t r1 asm("a1") = a1;
    register std::uint64_t r2 asm("a2") = a2;
    register std::uint64_t r3 asm("a3") = a3;
    register std::uint64_t r4 asm("a4") = a4;
    register std::uint64_t r5 asm("a5") = a5;
    register std::uint64_t r6 asm("a6") = function;
    register std::uint64_t r7 asm("a7") = extension;
    asm volatile("ecall"
                 : "+r"(r0), "+r"(r1)
                 : "r"(r2), "r"(r3), "r"(r4), "r"(r5), "r"(r6), "r"(r7)
                 : "memory");
    return {static_cast<std::int64_t>(r0), r1};
}

inline void say(const char* text) {
    for (; *text != '\0'; ++text) {
        while ((*reinterpret_cast<volatile std::uint8_t*>(kSerial + 5) & 0x20) == 0) {
        }
        *reinterpret_cast<volatile std::uint8_t*>(kSerial) = static_cast<std::uint8_t>(*text);
    }
}

/// After somebody wrote anything to its registers.
inline void reset_serial() {
    volatile auto* registers = reinterpret_cast<volatile std::uint8_t*>(kSerial);
    registers[3] = 3;
    registers[1] = 0;
    registers[2] = 0;
    registers[4] = 8;
}

/// The end of a guest that got through.
[[noreturn]] inline void survived() {
    say("still here\n");
    power_off();
}

/// xorshift
inline std::uint64_t next_random() {
    static std::uint64_t seed = 0x9E37'79B9'7F4A'7C15;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

#define READ_CSR(name)                                     \
    ({                                                     \
        std::uint64_t csr_value;                           \
        asm volatile("csrr %0, " #name : "=r"(csr_value)); \
        csr_value;                                         \
    })
#define WRITE_CSR(name, value) \
    asm volatile("csrw " #name ", %0" : : "r"(static_cast<std::uint64_t>(value)) : "memory")

inline std::uint64_t now() { return READ_CSR(time); }

/// The letter after "variant=" in the command line, which is in the device tree.
inline char variant(const unsigned char* tree) {
    constexpr char kName[] = "variant=";
    const auto bytes =
        static_cast<std::size_t>(tree[4] << 24 | tree[5] << 16 | tree[6] << 8 | tree[7]);
    for (std::size_t at = 0; at + sizeof kName <= bytes; ++at) {
        std::size_t same = 0;
        while (same < sizeof kName - 1 && tree[at + same] == kName[same]) ++same;
        if (same == sizeof kName - 1) return static_cast<char>(tree[at + same]);
    }
    return '-';
}

/// Runs some instructions with random registers, but for those that are given, in the mode that
/// sstatus says; gives scause. They are followed by a breakpoint.
struct Code {
    alignas(64) std::uint32_t words[16];
};
inline Code code;
inline std::uint64_t registers[32];

inline void randomise_registers() {
    for (auto& value : registers) value = next_random() >> next_random() % 64;
}
template <class... Words>
std::uint64_t try_code(Words... words) {
    unsigned count = 0;
    ((code.words[count++] = static_cast<std::uint32_t>(words)), ...);
    code.words[count] = kBreakpoint;
    asm volatile("fence.i" : : : "memory");
    return attempt(code.words, registers);
}

// Numbers of registers.
enum Register : unsigned { kZero, kT3 = 28, kT4 = 29, kT5 = 30 };

constexpr std::uint32_t system_instruction(unsigned upper, unsigned function, unsigned rs1,
                                           unsigned rd) {
    return upper << 20 | rs1 << 15 | function << 12 | rd << 7 | 0x73;
}
constexpr std::uint32_t load_instruction(unsigned function, unsigned rd, unsigned rs1) {
    return rs1 << 15 | function << 12 | rd << 7 | 0x03;
}
constexpr std::uint32_t store_instruction(unsigned function, unsigned rs2, unsigned rs1) {
    return rs2 << 20 | rs1 << 15 | function << 12 | 0x23;
}

/// Interrupts go to on_interrupt, which counts them.
inline void take_interrupts(std::uint64_t which) {
    WRITE_CSR(stvec, reinterpret_cast<std::uint64_t>(&on_interrupt));
    WRITE_CSR(sie, which);
    asm volatile("csrsi sstatus, 2" : : : "memory");
}

}  // namespace redoubt::guest
