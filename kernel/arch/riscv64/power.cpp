// How a panicked kernel ends.
#include "arch/power.hpp"

#include <cstdint>

#include "arch/csr.hpp"
#include "arch/machine.hpp"
#include "kernel/mm/address.hpp"

namespace redoubt::kernel {
namespace {

/// sifive,test0: QEMU ends with the status in the upper half.
constexpr std::uint32_t kFail = 0x3333;
/// The same status as on the other architectures: (code << 1) | 1.
constexpr std::uint32_t kPanicked = 0x7F << 1 | 1;

}  // namespace

void halt() {
    REDOUBT_WRITE_CSR("sie", 0);
    while (true) asm volatile("wfi");
}

void stop_machine_after_panic() {
    if (machine().test_finisher.value() != 0) {
        *direct_map<volatile std::uint32_t>(machine().test_finisher) = kPanicked << 16 | kFail;
    }
    halt();
}

}  // namespace redoubt::kernel
