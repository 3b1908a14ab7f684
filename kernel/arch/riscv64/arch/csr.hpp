// Control and status registers (Privileged Architecture 1.12), and the SBI's calls.
#pragma once

#include <cstdint>

namespace redoubt::kernel {

#define REDOUBT_READ_CSR(name)                                                 \
    ({                                                                         \
        std::uint64_t redoubt_csr_value;                                       \
        asm volatile("csrr %0, " name : "=r"(redoubt_csr_value) : : "memory"); \
        redoubt_csr_value;                                                     \
    })
#define REDOUBT_WRITE_CSR(name, value) \
    asm volatile("csrw " name ", %0" : : "rK"(static_cast<std::uint64_t>(value)) : "memory")
#define REDOUBT_SET_CSR(name, bits) \
    asm volatile("csrs " name ", %0" : : "rK"(static_cast<std::uint64_t>(bits)) : "memory")
#define REDOUBT_CLEAR_CSR(name, bits) \
    asm volatile("csrc " name ", %0" : : "rK"(static_cast<std::uint64_t>(bits)) : "memory")
/// Sets or clears bits, and gives what was there.
#define REDOUBT_CHANGE_CSR(instruction, name, bits)           \
    ({                                                        \
        std::uint64_t redoubt_csr_old;                        \
        asm volatile(instruction " %0, " name ", %1"          \
                     : "=r"(redoubt_csr_old)                  \
                     : "rK"(static_cast<std::uint64_t>(bits)) \
                     : "memory");                             \
        redoubt_csr_old;                                      \
    })
#define REDOUBT_READ_SET_CSR(name, bits) REDOUBT_CHANGE_CSR("csrrs", name, bits)
#define REDOUBT_READ_CLEAR_CSR(name, bits) REDOUBT_CHANGE_CSR("csrrc", name, bits)
/// Writes, and gives what was there.
#define REDOUBT_EXCHANGE_CSR(name, value)                      \
    ({                                                         \
        std::uint64_t redoubt_csr_old;                         \
        asm volatile("csrrw %0, " name ", %1"                  \
                     : "=r"(redoubt_csr_old)                   \
                     : "rK"(static_cast<std::uint64_t>(value)) \
                     : "memory");                              \
        redoubt_csr_old;                                       \
    })

/// 4.1.1.
inline constexpr std::uint64_t kStatusInterrupts = 1 << 1, kStatusSupervisor = 1 << 8;
inline constexpr std::uint64_t kStatusFpMask = 3 << 13, kStatusFpClean = 2 << 13,
                               kStatusFpDirty = 3 << 13;
inline constexpr std::uint64_t kStatusVectorMask = 3 << 9, kStatusVectorClean = 2 << 9,
                               kStatusVectorDirty = 3 << 9;

/// Bits of sie and sip, and codes of scause with its highest bit set.
inline constexpr unsigned kInterruptSoftware = 1, kInterruptTimer = 5, kInterruptExternal = 9;
inline constexpr std::uint64_t kCauseInterrupt = 1ULL << 63;

/// Exceptions (table 4.2).
inline constexpr std::uint64_t kCauseIllegalInstruction = 2, kCauseFetchPageFault = 12,
                               kCauseLoadPageFault = 13, kCauseStorePageFault = 15;

/// SBI 1.0, chapter 3. `error` is 0 on success.
struct SbiResult {
    std::int64_t error;
    std::uint64_t value;
};
inline SbiResult sbi_call(std::uint64_t extension, std::uint64_t function, std::uint64_t first = 0,
                          std::uint64_t second = 0, std::uint64_t third = 0) {
    register std::uint64_t a0 asm("a0") = first;
    register std::uint64_t a1 asm("a1") = second;
    register std::uint64_t a2 asm("a2") = third;
    register std::uint64_t a6 asm("a6") = function;
    register std::uint64_t a7 asm("a7") = extension;
    asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return {static_cast<std::int64_t>(a0), a1};
}
inline constexpr std::uint64_t kSbiTimer = 0x5449'4D45, kSbiIpi = 0x73'5049, kSbiHart = 0x48'534D,
                               kSbiFence = 0x5246'4E43, kSbiLegacyPutCharacter = 1;

}  // namespace redoubt::kernel
