// Features, descriptor tables, control registers and the switch between user contexts.
#include <cstring>
#include <new>

#include "abi/object.hpp"
#include "arch/apic.hpp"
#include "arch/cpu_setup.hpp"
#include "arch/fpu.hpp"
#include "arch/msr.hpp"
#include "arch/trap.hpp"
#include "arch/vectors.hpp"

extern "C" {
extern const char syscall_entry_locking[], boot_stack_top[];
extern unsigned char clac_site[];
}

namespace redoubt::kernel {

namespace {

constexpr std::uint64_t kCr0MonitorCoprocessor = 1 << 1, kCr0Emulation = 1 << 2,
                        kCr0TaskSwitched = 1 << 3;
constexpr std::uint64_t kCr4GlobalPages = 1 << 7, kCr4Fxsave = 1 << 9, kCr4SimdExceptions = 1 << 10,
                        kCr4Umip = 1 << 11, kCr4Smep = 1 << 20, kCr4Smap = 1 << 21;
/// Flags that a system call clears: IF DF TF IOPL NT AC.
constexpr std::uint64_t kSyscallFlagMask = 0x47700;

alignas(CpuArea) std::byte boot_cpu[sizeof(CpuArea)];
constinit CpuFeatures detected{};

void load_descriptors(CpuArea& area) {
    const auto task = reinterpret_cast<std::uint64_t>(&area.task_state);
    const std::uint64_t gdt[8] = {
        0,
        0x00AF'9B00'0000'FFFF,  // kernel code
        0x00CF'9300'0000'FFFF,  // kernel data
        0,                      // 32-bit user code would be here: there is none
        0x00CF'F300'0000'FFFF,  // user data
        0x00AF'FB00'0000'FFFF,  // user code
        (sizeof(TaskState) - 1) | (task & 0xFF'FFFF) << 16 | 0x89ULL << 40 |
            (task >> 24 & 0xFF) << 56,
        task >> 32,
    };
    std::memcpy(area.gdt, gdt, sizeof(gdt));
    for (unsigned i = 0; i < CpuArea::kInterruptStacks; ++i) {
        area.task_state.interrupt_stack[i] =
            reinterpret_cast<std::uint64_t>(area.stacks[i]) + CpuArea::kInterruptStackBytes;
    }
    area.task_state.io_map = sizeof(TaskState);  // no port is open to user space
    const struct [[gnu::packed]] {
        std::uint16_t limit = sizeof(area.gdt) - 1;
        const void* base;
    } pointer{.base = area.gdt};
    asm volatile(
        "lgdt %0; pushq %1; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:"
        "movl %k2, %%ss; movl %k3, %%ds; movl %k3, %%es; movl %k3, %%fs; movl %k3, %%gs; ltr %w4"
        :
        : "m"(pointer), "i"(kKernelCode), "r"(std::uint32_t{kKernelData}), "r"(0U), "r"(kTaskState)
        : "rax", "memory");
}

}  // namespace

const CpuFeatures& features() { return detected; }

constinit PerCpu* processors[kMaximumProcessors]{};
constinit unsigned processor_count = 0;

void features_initialize() {
    const CpuidResult vendor = cpuid(0), basic = cpuid(1);
    std::memcpy(detected.vendor, &vendor.ebx, 4);
    std::memcpy(detected.vendor + 4, &vendor.edx, 4);
    std::memcpy(detected.vendor + 8, &vendor.ecx, 4);
    detected.pge = (basic.edx >> 13 & 1) != 0;
    detected.x2apic = (basic.ecx >> 21 & 1) != 0;
    detected.tsc_deadline = (basic.ecx >> 24 & 1) != 0;
    detected.xsave = (basic.ecx >> 26 & 1) != 0;
    const CpuidResult hypervisor = cpuid(0x4000'0000);
    detected.emulated = (basic.ecx >> 31 & 1) != 0 &&
                        hypervisor.ebx == 0x5447'4354 &&  // "TCGTCGTCGTCG"
                        hypervisor.ecx == 0x4354'4743 && hypervisor.edx == 0x4743'5447;
    if (vendor.eax >= 7) {
        const CpuidResult structured = cpuid(7);
        detected.smep = (structured.ebx >> 7 & 1) != 0;
        detected.smap = (structured.ebx >> 20 & 1) != 0;
        detected.umip = (structured.ecx >> 2 & 1) != 0;
    }
    const std::uint32_t last = cpuid(0x8000'0000).eax;
    const CpuidResult extended = cpuid(0x8000'0001);
    detected.nx = (extended.edx >> 20 & 1) != 0;
    detected.gigabyte_pages = (extended.edx >> 26 & 1) != 0;
    detected.physical_address_bits = last >= 0x8000'0008 ? cpuid(0x8000'0008).eax & 0xFF : 36;
}

void cpu_initialize() {
    cpu_initialize(*new (boot_cpu) CpuArea{}, reinterpret_cast<std::uint64_t>(boot_stack_top));
    if (detected.smap) {
        constexpr unsigned char kClac[] = {0x0F, 0x01, 0xCA};
        std::memcpy(clac_site, kClac, sizeof(kClac));
    }
}

void cpu_initialize(CpuArea& area, std::uint64_t kernel_stack) {
    PerCpu& data = area.data;
    data.self = &data;
    data.kernel_stack = kernel_stack;
    data.armed_deadline = abi::kNever;
    data.task_state = &area.task_state;
    data.scheduler = &area.scheduler;
    data.hv = area.hv;
    load_descriptors(area);
    write_msr(kMsrGsBase, reinterpret_cast<std::uint64_t>(&data));

    write_msr(kMsrEfer, read_msr(kMsrEfer) | kEferSyscall | (detected.nx ? kEferNx : 0));
    write_msr(kMsrStar, std::uint64_t{kSysretBase} << 48 | std::uint64_t{kKernelCode} << 32);
    write_msr(kMsrLstar, reinterpret_cast<std::uint64_t>(syscall_entry_locking));
    write_msr(kMsrCstar, reinterpret_cast<std::uint64_t>(syscall_entry_locking));
    write_msr(kMsrSfmask, kSyscallFlagMask);

    write_cr0((read_cr0() | kCr0MonitorCoprocessor) & ~(kCr0Emulation | kCr0TaskSwitched));
    write_cr4(read_cr4() | kCr4Fxsave | kCr4SimdExceptions | (detected.pge ? kCr4GlobalPages : 0));
}

void cpu_enlist() {
    PerCpu& data = this_cpu();
    data.index = processor_count;
    processors[processor_count++] = &data;
}

void cpu_enable_protections() {
    write_cr4(read_cr4() | (detected.smep ? kCr4Smep : 0) | (detected.smap ? kCr4Smap : 0) |
              (detected.umip ? kCr4Umip : 0));
}

void interrupt_processor(unsigned index) {
    apic_send_interrupt(processors[index]->apic_id, kVectorProcessor);
}

void idle() { asm volatile("sti; hlt; cli" : : : "memory"); }

void initialize(UserContext& context, std::uint64_t entry, std::uint64_t stack,
                std::uint64_t argument, std::uint64_t tls) {
    static_cast<TrapFrame&>(context) = {};
    context.arguments[0] = argument;
    context.rip = entry;
    context.rsp = stack;
    set_tls_base(context, tls);
}

namespace {

/// Processors that ran it last load it anew the next time.
void unload(const UserContext& context) {
    for (unsigned i = 0; i < cpu_count(); ++i) {
        if (cpu(i).context == &context) cpu(i).context = nullptr;
    }
}

/// Loading a non-canonical base would fault in the kernel.
std::uint64_t valid_base(std::uint64_t value) { return value < kUserAddressEnd ? value : 0; }

}  // namespace

void set_tls_base(UserContext& context, std::uint64_t value) {
    context.fs_base = valid_base(value);
    const bool loaded = this_cpu().context == &context;
    unload(context);
    if (!loaded) return;
    this_cpu().context = &context;
    write_msr(kMsrFsBase, context.fs_base);
}

void set_ipc_buffer_base(UserContext& context, std::uint64_t value) {
    context.gs_base = valid_base(value);
    unload(context);
}

void forget_context(UserContext& context) {
    unload(context);
    fpu_forget(context.fpu_area);
}

}  // namespace redoubt::kernel
