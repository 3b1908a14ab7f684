// Floating-point and vector state: the D extension's registers and fcsr, the V extension's and its
// CSRs. sstatus.FS and VS are on while the registers are those of whom runs, and tell whether they
// were written since they were loaded; only then are they saved. VS is never on without FS.
#include "arch/fpu.hpp"

#include <cstring>

#include "arch/cpu_setup.hpp"
#include "arch/csr.hpp"
#include "arch/fpu_switch.hpp"
#include "kernel/object/thread.hpp"
#include "kernel/panic.hpp"

namespace redoubt::kernel {
namespace {

/// vtype.vill (V extension 1.0, 3.4.4).
constexpr std::uint64_t kIllegalType = 1ULL << 63;

static_assert(sizeof(FpuArea) <= Thread::kFpuAreaSize);

FpuArea& registers(void* area) { return *static_cast<FpuArea*>(area); }

#define REDOUBT_FOR_EACH_F(apply)                                                                 \
    apply(0) apply(1) apply(2) apply(3) apply(4) apply(5) apply(6) apply(7) apply(8) apply(9)     \
        apply(10) apply(11) apply(12) apply(13) apply(14) apply(15) apply(16) apply(17) apply(18) \
            apply(19) apply(20) apply(21) apply(22) apply(23) apply(24) apply(25) apply(26)       \
                apply(27) apply(28) apply(29) apply(30) apply(31)

// The kernel is compiled without floating point: its assembler is told otherwise here.

void store_floats(FpuArea& area) {
#define REDOUBT_STORE_F(number) "fsd f" #number ", 8*" #number "(%0)\n"
    asm volatile(
        ".option push\n.option arch, +d\n" REDOUBT_FOR_EACH_F(REDOUBT_STORE_F) ".option pop"
        :
        : "r"(area.f)
        : "memory");
    area.fcsr = REDOUBT_READ_CSR("fcsr");
}

void load_floats(const FpuArea& area) {
#define REDOUBT_LOAD_F(number) "fld f" #number ", 8*" #number "(%0)\n"
    asm volatile(".option push\n.option arch, +d\n" REDOUBT_FOR_EACH_F(REDOUBT_LOAD_F) ".option pop"
                 :
                 : "r"(area.f)
                 : "memory");
    REDOUBT_WRITE_CSR("fcsr", area.fcsr);
}

/// All 32 registers, eight at a time. Loses vl and vtype.
#define REDOUBT_MOVE_VECTORS(instruction, memory)                                             \
    asm volatile(                                                                             \
        ".option push\n.option arch, +v\n"                                                    \
        "vsetvli %1, zero, e64, m8, ta, ma\n" instruction                                     \
        " v0, (%0)\n add %0, %0, %2\n" instruction " v8, (%0)\n add %0, %0, %2\n" instruction \
        " v16, (%0)\n add %0, %0, %2\n" instruction " v24, (%0)\n.option pop"                 \
        : "+&r"(memory), "=&r"(elements)                                                      \
        : "r"(std::uint64_t{8} * features().vector_bytes)                                     \
        : "memory")

void load_vector_control(const FpuArea& area) {
    asm volatile(".option push\n.option arch, +v\nvsetvl zero, %0, %1\n.option pop"
                 :
                 : "r"(area.vl), "r"(area.vtype));
    REDOUBT_WRITE_CSR("vstart", area.vstart);
}

void store_vectors(FpuArea& area) {
    area.vstart = REDOUBT_READ_CSR("vstart");
    area.vcsr = REDOUBT_READ_CSR("vcsr");
    area.vl = REDOUBT_READ_CSR("vl");
    area.vtype = REDOUBT_READ_CSR("vtype");
    auto* memory = area.v;
    std::uint64_t elements;
    REDOUBT_MOVE_VECTORS("vse64.v", memory);
    load_vector_control(area);
}

void load_vectors(const FpuArea& area) {
    const auto* memory = area.v;
    std::uint64_t elements;
    REDOUBT_MOVE_VECTORS("vle64.v", memory);
    REDOUBT_WRITE_CSR("vcsr", area.vcsr);
    load_vector_control(area);
}

/// sstatus.SD sums FS and VS up (3.1.6.6).
bool is_written(std::uint64_t status) { return static_cast<std::int64_t>(status) < 0; }

[[gnu::cold, gnu::noinline]] void store_written(PerCpu& cpu, std::uint64_t status) {
    const bool vectors = (status & kStatusVectorMask) == kStatusVectorDirty;
    // QEMU 7.2 marks VS alone when a vector instruction changes fcsr.
    if (vectors || (status & kStatusFpMask) == kStatusFpDirty)
        store_floats(registers(cpu.fpu_area));
    if (vectors) store_vectors(registers(cpu.vector_area));
    if ((status & kStatusFpMask) != 0) status = (status & ~kStatusFpMask) | kStatusFpClean;
    if ((status & kStatusVectorMask) != 0)
        status = (status & ~kStatusVectorMask) | kStatusVectorClean;
    REDOUBT_WRITE_CSR("sstatus", status);
}

void store_if_written(PerCpu& cpu) {
    const std::uint64_t status = REDOUBT_READ_CSR("sstatus");
    if (is_written(status)) store_written(cpu, status);
}

void turn_off() { REDOUBT_CLEAR_CSR("sstatus", kStatusUnits); }

}  // namespace

unsigned vector_register_bytes() {
    REDOUBT_SET_CSR("sstatus", kStatusVectorClean);
    if ((REDOUBT_READ_CSR("sstatus") & kStatusVectorMask) == 0) return 0;
    const auto bytes = static_cast<unsigned>(REDOUBT_READ_CSR("vlenb"));
    turn_off();
    return bytes;
}

std::size_t fpu_state_size() {
    return offsetof(FpuArea, v) + std::size_t{32} * features().vector_bytes;
}

void fpu_setup() {
    if (features().vector_bytes != 0 && vector_register_bytes() != features().vector_bytes)
        panic("the processors have vector registers of different lengths");
    turn_off();
}

void fpu_initialize(void* area) {
    std::memset(area, 0, fpu_state_size());
    registers(area).vtype = kIllegalType;
}

extern "C" void fpu_save(std::uint64_t status) {
    REDOUBT_SET_CSR("sstatus", status & kStatusUnits);
    store_written(this_cpu(), status);
    turn_off();
}

bool fpu_first_use(void* area) {
    const std::uint64_t status = REDOUBT_READ_CSR("sstatus");
    PerCpu& cpu = this_cpu();
    if ((status & kStatusFpMask) == 0) {
        REDOUBT_SET_CSR("sstatus", kStatusFpClean);
        load_floats(registers(area));
        cpu.fpu_user = cpu.fpu_area = area;
        registers(area).holder = cpu.index + 1;
        REDOUBT_WRITE_CSR("sstatus", (status & ~kStatusUnits) | fpu_status(cpu, area));
    } else if ((status & kStatusVectorMask) == 0 && features().vector_bytes != 0) {
        REDOUBT_SET_CSR("sstatus", kStatusVectorClean);
        load_vectors(registers(area));
        cpu.vector_area = area;
        registers(area).vector_holder = cpu.index + 1;
        // FS may tell of something that is not saved yet.
        REDOUBT_WRITE_CSR("sstatus", (status & ~kStatusVectorMask) | kStatusVectorClean);
    } else {
        return false;
    }
    return true;
}

void fpu_load(void* area) { fpu_switch(area); }

void fpu_release() {
    PerCpu& cpu = this_cpu();
    store_if_written(cpu);
    cpu.fpu_user = cpu.fpu_area = cpu.vector_area = nullptr;
    turn_off();
}

void fpu_flush(void* area) {
    if (this_cpu().fpu_area == area) store_if_written(this_cpu());
}

void fpu_forget(void* area) {
    PerCpu& cpu = this_cpu();
    registers(area).holder = registers(area).vector_holder = 0;
    if (cpu.fpu_user != area) return;
    cpu.fpu_user = nullptr;
    turn_off();
}

}  // namespace redoubt::kernel
