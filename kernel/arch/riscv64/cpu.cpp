// Features, per-processor data and the switch between user contexts.
#include <new>

#include "abi/object.hpp"
#include "arch/cpu_setup.hpp"
#include "arch/csr.hpp"
#include "arch/fpu.hpp"
#include "kernel/panic.hpp"
#include "kernel/print.hpp"

extern "C" const char boot_stack_top[];

namespace redoubt::kernel {

namespace {

alignas(CpuArea) std::byte boot_cpu[sizeof(CpuArea)];
constinit PerCpu* processors[kMaximumProcessors]{};
constinit unsigned processor_count = 0;
constinit CpuFeatures detected{};

void enter_area(CpuArea& area) {
    PerCpu& data = area.data;
    data.self = &data;
    data.panic_stack = reinterpret_cast<std::uint64_t>(area.panic_stack) + sizeof area.panic_stack;
    data.armed_deadline = abi::kNever;
    data.scheduler = &area.scheduler;
    data.hv = area.hv;
    asm volatile("mv tp, %0" : : "r"(&data) : "memory");
}

}  // namespace

const CpuFeatures& features() { return detected; }

unsigned cpu_count() { return processor_count; }
PerCpu& cpu(unsigned index) { return *processors[index]; }

void features_initialize(const boot::Hardware& machine) {
    detected.sstc = isa_has(machine.isa, "sstc");
    // Single-letter extensions follow "rv64", up to the first underscore.
    const std::size_t base = __builtin_strlen(machine.isa) < 4 ? 0 : 4;
    bool floating_point = false, vectors = false;
    for (const char* letter = machine.isa + base; *letter != '\0' && *letter != '_'; ++letter) {
        detected.hypervisor |= *letter == 'h';
        floating_point |= *letter == 'd' || *letter == 'g';
        vectors |= *letter == 'v';
    }
    if (!floating_point) panic("this needs a processor with the F and D extensions");
    if (vectors) detected.vector_bytes = vector_register_bytes();
    if (detected.vector_bytes > abi::kMaximumVlenb) {
        print("kernel: vector registers of {} bytes are not used: of {} at most\n",
              detected.vector_bytes, abi::kMaximumVlenb);
        detected.vector_bytes = 0;
    }
}

void cpu_initialize(std::uint64_t hart) {
    auto& area = *new (boot_cpu) CpuArea{};
    area.data.kernel_stack = reinterpret_cast<std::uint64_t>(boot_stack_top);
    area.data.hart = hart;
    enter_area(area);
}

void cpu_initialize(CpuArea& area) { enter_area(area); }

void cpu_enlist() {
    PerCpu& data = this_cpu();
    data.index = processor_count;
    processors[processor_count++] = &data;
}

void cpu_enable_interrupts() {
    constexpr std::uint64_t kTime = 1 << 1;  // scounteren.TM: user space may read the time
    REDOUBT_WRITE_CSR("scounteren", kTime);
    REDOUBT_WRITE_CSR("sie",
                      1U << kInterruptSoftware | 1U << kInterruptTimer | 1U << kInterruptExternal);
}

void interrupt_processor(unsigned index) { sbi_call(kSbiIpi, 0, 1, processors[index]->hart); }

/// WFI also ends when an interrupt is pending that is not let in, of the guest whose registers are
/// still here for one.
void idle() {
    std::uint64_t of_guest = 0;
    if (detected.hypervisor) of_guest = REDOUBT_EXCHANGE_CSR("vsie", 0);
    asm volatile("wfi" : : : "memory");
    if (detected.hypervisor) REDOUBT_WRITE_CSR("vsie", of_guest);
    REDOUBT_SET_CSR("sstatus", kStatusInterrupts);
    REDOUBT_CLEAR_CSR("sstatus", kStatusInterrupts);
}

void initialize(UserContext& context, std::uint64_t entry, std::uint64_t stack,
                std::uint64_t argument, std::uint64_t tls) {
    static_cast<TrapFrame&>(context) = {};
    context.arguments[0] = argument;
    context.pc = entry;
    context.sp = stack;
    context.tp = tls != 0 ? tls : context.ipc_buffer;
}

void set_tls_base(UserContext& context, std::uint64_t value) { context.tp = value; }

void set_ipc_buffer_base(UserContext& context, std::uint64_t value) { context.ipc_buffer = value; }

void forget_context(UserContext& context) {
    for (unsigned i = 0; i < cpu_count(); ++i) {
        if (cpu(i).context == &context) cpu(i).context = nullptr;
    }
    fpu_forget(context.fpu_area);
}

}  // namespace redoubt::kernel
