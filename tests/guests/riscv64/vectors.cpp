// Keeps all its vector registers filled with one number after the other, and compares. Says "no
// vector registers" if an instruction that needs them traps, "a vector register changed" if one
// does, and a dot now and then.
#include "guest.hpp"

namespace {

using namespace redoubt::guest;

/// sstatus: VS initial, SPP.
constexpr std::uint64_t kSupervisorWithVectors = 0x2'0000'2300;

void fill(std::uint64_t value) {
    asm volatile(
        ".option push\n.option arch, +v\n"
        "vsetvli t0, zero, e64, m8, ta, ma\n"
        "vmv.v.x v0, %0\n vmv.v.x v8, %0\n vmv.v.x v16, %0\n vmv.v.x v24, %0\n.option pop"
        :
        : "r"(value)
        : "t0");
}

/// Elements of v8 to v31 that are something else.
std::uint64_t count_others(std::uint64_t value) {
    std::uint64_t others = 0;
    asm volatile(
        ".option push\n.option arch, +v\n"
        "vmsne.vx v0, v8, %1\n vcpop.m %0, v0\n"
        "vmsne.vx v0, v16, %1\n vcpop.m t0, v0\n add %0, %0, t0\n"
        "vmsne.vx v0, v24, %1\n vcpop.m t0, v0\n add %0, %0, t0\n.option pop"
        : "=&r"(others)
        : "r"(value)
        : "t0");
    return others;
}

}  // namespace

void guest_main(std::uint64_t, const unsigned char*) {
    WRITE_CSR(sstatus, kSupervisorWithVectors);
    constexpr std::uint32_t kSetAllBytes = 0x0C30'7357;  // vsetvli t1, zero, e8, m8, ta, ma
    if (try_code(kSetAllBytes) != 3) {
        say("no vector registers\n");
        power_off();
    }
    WRITE_CSR(sstatus, kSupervisorWithVectors);
    for (std::uint64_t round = 0;; ++round) {
        const std::uint64_t value = next_random();
        fill(value);
        const std::uint64_t end = now() + 20'000;
        while (now() < end) {
            if (count_others(value) == 0) continue;
            say("a vector register changed\n");
            power_off();
        }
        if (round % 32 == 0) say(".");
    }
}
