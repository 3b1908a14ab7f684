// Floating-point state: the D extension's registers and fcsr. sstatus.FS tells whether they were
// written since they were loaded; only then are they saved.
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

/// The kernel is compiled without floating point: its assembler is told otherwise here.
void store_registers(void* area) {
    if ((REDOUBT_READ_CSR("sstatus") & kStatusFpMask) != kStatusFpDirty) return;
#define REDOUBT_STORE_F(number) "fsd f" #number ", 8*" #number "(%0)\n"
    asm volatile(
        ".option push\n.option arch, +d\n" REDOUBT_FOR_EACH_F(REDOUBT_STORE_F) ".option pop"
        :
        : "r"(area)
        : "memory");
    static_cast<FpuArea*>(area)->fcsr = REDOUBT_READ_CSR("fcsr");
    mark_clean();
}

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

void fpu_setup() {
    REDOUBT_SET_CSR("sstatus", kStatusFpClean);
    mark_clean();
}

void fpu_initialize(void* area) { std::memset(area, 0, sizeof(FpuArea)); }

void fpu_exchange(PerCpu& cpu, void* area) {
    if (cpu.fpu_area != nullptr) store_registers(cpu.fpu_area);
    cpu.fpu_area = area;
    load_registers(area);
}

void fpu_load(void* area) { fpu_switch(area); }

void fpu_release() {
    PerCpu& cpu = this_cpu();
    if (cpu.fpu_area != nullptr) store_registers(cpu.fpu_area);
    cpu.fpu_area = nullptr;
}

void fpu_flush(void* area) {
    if (this_cpu().fpu_area == area) store_registers(area);
}

void fpu_forget(void* area) {
    if (this_cpu().fpu_area == area) this_cpu().fpu_area = nullptr;
}

}  // namespace redoubt::kernel
