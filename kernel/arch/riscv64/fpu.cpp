// Floating-point state: the D extension's registers and fcsr. sstatus.FS is on while the registers
// are those of whom runs, and tells whether they were written since they were loaded; only then are
// they saved.
#include "arch/fpu.hpp"

#include <cstring>

#include "arch/cpu_setup.hpp"
#include "arch/csr.hpp"
#include "arch/fpu_switch.hpp"

namespace redoubt::kernel {
namespace {

struct FpuArea {
    std::uint64_t f[32];
    std::uint64_t fcsr;
    std::uint64_t holder;  ///< 1 + index of the processor that loaded it last; 0: none can have it
};

#define REDOUBT_FOR_EACH_F(apply)                                                                 \
    apply(0) apply(1) apply(2) apply(3) apply(4) apply(5) apply(6) apply(7) apply(8) apply(9)     \
        apply(10) apply(11) apply(12) apply(13) apply(14) apply(15) apply(16) apply(17) apply(18) \
            apply(19) apply(20) apply(21) apply(22) apply(23) apply(24) apply(25) apply(26)       \
                apply(27) apply(28) apply(29) apply(30) apply(31)

void mark_clean() {
    REDOUBT_CLEAR_CSR("sstatus", kStatusFpMask);
    REDOUBT_SET_CSR("sstatus", kStatusFpClean);
}

bool is_written(std::uint64_t status) { return (status & kStatusFpMask) == kStatusFpDirty; }

/// The kernel is compiled without floating point: its assembler is told otherwise here.
[[gnu::cold, gnu::noinline]] void store_registers(void* area) {
#define REDOUBT_STORE_F(number) "fsd f" #number ", 8*" #number "(%0)\n"
    asm volatile(
        ".option push\n.option arch, +d\n" REDOUBT_FOR_EACH_F(REDOUBT_STORE_F) ".option pop"
        :
        : "r"(area)
        : "memory");
    static_cast<FpuArea*>(area)->fcsr = REDOUBT_READ_CSR("fcsr");
    mark_clean();
}

void store_if_written(void* area) {
    if (is_written(REDOUBT_READ_CSR("sstatus"))) store_registers(area);
}

void turn_off() { REDOUBT_CLEAR_CSR("sstatus", kStatusFpMask); }

void load_registers(const void* area) {
    REDOUBT_SET_CSR("sstatus", kStatusFpClean);  // on, whatever it is else
#define REDOUBT_LOAD_F(number) "fld f" #number ", 8*" #number "(%0)\n"
    asm volatile(".option push\n.option arch, +d\n" REDOUBT_FOR_EACH_F(REDOUBT_LOAD_F) ".option pop"
                 :
                 : "r"(area)
                 : "memory");
    REDOUBT_WRITE_CSR("fcsr", static_cast<const FpuArea*>(area)->fcsr);
    mark_clean();
}

}  // namespace

std::size_t fpu_state_size() { return sizeof(FpuArea); }

void fpu_setup() { turn_off(); }

void fpu_initialize(void* area) { std::memset(area, 0, sizeof(FpuArea)); }

namespace {
[[gnu::cold, gnu::noinline]] void exchange_written(PerCpu& cpu, void* area) {
    store_registers(cpu.fpu_area);
    fpu_exchange(cpu, area);
}
}  // namespace

void fpu_exchange(PerCpu& cpu, void* area) {
    std::uint64_t status = REDOUBT_READ_CSR("sstatus");
    if (is_written(status)) [[unlikely]]
        return exchange_written(cpu, area);
    cpu.fpu_user = area;
    status &= ~kStatusFpMask;
    if (cpu.fpu_area == area && static_cast<FpuArea*>(area)->holder == cpu.index + 1)
        status |= kStatusFpClean;
    REDOUBT_WRITE_CSR("sstatus", status);
}

bool fpu_first_use(void* area) {
    if ((REDOUBT_READ_CSR("sstatus") & kStatusFpMask) != 0) return false;
    PerCpu& cpu = this_cpu();
    cpu.fpu_user = cpu.fpu_area = area;
    static_cast<FpuArea*>(area)->holder = cpu.index + 1;
    load_registers(area);
    return true;
}

void fpu_load(void* area) { fpu_switch(area); }

void fpu_release() {
    PerCpu& cpu = this_cpu();
    store_if_written(cpu.fpu_area);
    cpu.fpu_user = cpu.fpu_area = nullptr;
    turn_off();
}

void fpu_flush(void* area) {
    if (this_cpu().fpu_area == area) store_if_written(area);
}

void fpu_forget(void* area) {
    PerCpu& cpu = this_cpu();
    static_cast<FpuArea*>(area)->holder = 0;
    if (cpu.fpu_user != area) return;
    cpu.fpu_user = nullptr;
    turn_off();
}

}  // namespace redoubt::kernel
