// What the exits that tests/bench/exits.cpp counts cost on Linux's KVM: the same guest routines,
// run through KVM's raw interface, without an emulator of devices.
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include "tests/bench/x86_64/guest_layout.hpp"
#include "tests/bench/x86_64/peers/peer.hpp"
#include "tests/bench/samples.hpp"

namespace redoubt::bench::peer {
namespace {

constexpr std::size_t kMemory = 64U << 20;
constexpr std::uint64_t kUntouched = 32U << 20;  // 5,000 pages from here

// struct kvm_cpuid2 has another size in C++, where an empty structure stands before its flexible
// array; and the size is part of the requests' numbers.
struct CpuidTable {
    static constexpr std::uint32_t kEntries = 200;
    std::uint32_t count = kEntries;
    std::uint32_t padding = 0;
    kvm_cpuid_entry2 entries[kEntries] = {};
};
constexpr unsigned long kGetSupportedCpuid = _IOWR(KVMIO, 0x05, std::uint64_t);
constexpr unsigned long kSetCpuid = _IOW(KVMIO, 0x90, std::uint64_t);

int control(int file, unsigned long request, auto argument, const char* what) {
    return check(ioctl(file, request, argument), what);
}

/// One VM with one vCPU in 64-bit mode, its first GiB mapped 1:1 by itself. Its memory consists of
/// 4 KiB pages that Linux has already and the VM has not.
class KvmMachine {
  public:
    KvmMachine() : kvm_(check(open("/dev/kvm", O_RDWR), "/dev/kvm")) {
        vm_ = control(kvm_, KVM_CREATE_VM, 0UL, "KVM_CREATE_VM");
        memory_ =
            static_cast<std::uint8_t*>(map(MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, kMemory));
        kvm_userspace_memory_region region{};
        region.memory_size = kMemory;
        region.userspace_addr = reinterpret_cast<std::uintptr_t>(memory_);
        control(vm_, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
        vcpu_ = control(vm_, KVM_CREATE_VCPU, 0UL, "KVM_CREATE_VCPU");
        const int size = control(kvm_, KVM_GET_VCPU_MMAP_SIZE, 0UL, "KVM_GET_VCPU_MMAP_SIZE");
        run_ = static_cast<kvm_run*>(map(MAP_SHARED, vcpu_, static_cast<std::size_t>(size)));
        set_cpuid();
        make_tables([this](std::uint64_t address, std::uint64_t value) {
            std::memcpy(memory_ + address, &value, sizeof value);
        });
        set_system_registers();
    }

    int vm() const { return vm_; }
    kvm_run& state() { return *run_; }
    const std::uint8_t* memory() const { return memory_; }
    void run() { control(vcpu_, KVM_RUN, 0UL, "KVM_RUN"); }

    void copy(std::uint64_t address, const std::uint8_t* begin, const std::uint8_t* end) {
        std::memcpy(memory_ + address, begin, static_cast<std::size_t>(end - begin));
    }

    /// Puts a routine at kCode and points the vCPU there, with these registers.
    void load(const std::uint8_t* begin, const std::uint8_t* end, kvm_regs registers) {
        // KVM completes the exit before at the next run; it must not do so to the new routine.
        run_->immediate_exit = 1;
        static_cast<void>(ioctl(vcpu_, KVM_RUN, 0UL));
        run_->immediate_exit = 0;
        copy(kCode, begin, end);
        registers.rip = kCode;
        registers.rsp = kStack;
        registers.rflags = 2;
        control(vcpu_, KVM_SET_REGS, &registers, "KVM_SET_REGS");
    }

    void expect(std::uint32_t reason, const char* what) const {
        if (run_->exit_reason == reason) return;
        throw std::runtime_error(std::string(what) + ": exit " + std::to_string(run_->exit_reason));
    }

    void interrupt() {
        kvm_interrupt interrupt{kVector};
        control(vcpu_, KVM_INTERRUPT, &interrupt, "KVM_INTERRUPT");
    }

    /// A run that does not enter the guest.
    void run_at_once() {
        run_->immediate_exit = 1;
        static_cast<void>(ioctl(vcpu_, KVM_RUN, 0UL));  // fails with EINTR, as it should
    }

  private:
    static void* map(int flags, int file, std::size_t bytes) {
        void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
        check(mapped == MAP_FAILED ? -1 : 0, "mmap");
        return mapped;
    }

    /// Everything that KVM can offer.
    void set_cpuid() {
        CpuidTable cpuid;
        control(kvm_, kGetSupportedCpuid, &cpuid, "KVM_GET_SUPPORTED_CPUID");
        control(vcpu_, kSetCpuid, &cpuid, "KVM_SET_CPUID2");
    }

    void set_system_registers() {
        kvm_sregs registers{};
        control(vcpu_, KVM_GET_SREGS, &registers, "KVM_GET_SREGS");
        kvm_segment data{};
        data.limit = 0xFFFF'FFFF;
        data.selector = 0x10;
        data.type = 3;
        data.present = data.s = data.g = data.db = 1;
        kvm_segment code = data;
        code.selector = 0x08;
        code.type = 11;
        code.db = 0;
        code.l = 1;
        registers.cs = code;
        registers.ds = registers.es = registers.fs = registers.gs = registers.ss = data;
        registers.gdt = {kGdt, 23, {}};
        registers.idt = {kIdt, 0xFFF, {}};
        registers.cr0 = kCr0;
        registers.cr3 = kTables;
        registers.cr4 = kCr4;
        registers.efer = kEfer;
        control(vcpu_, KVM_SET_SREGS, &registers, "KVM_SET_SREGS");
    }

    int kvm_;
    int vm_ = -1;
    int vcpu_ = -1;
    std::uint8_t* memory_ = nullptr;
    kvm_run* run_ = nullptr;
};

/// From one return of KVM_RUN to the next.
void measure_rounds(KvmMachine& machine, const char* name, std::uint32_t reason) {
    Samples samples = measure([&] {
        machine.run();
        machine.expect(reason, name);
    });
    report("exits", name, samples);
}

/// What the guest's own loop measured, less the cost of measuring.
void measure_inside(KvmMachine& machine, const char* name, const std::uint8_t* begin,
                    const std::uint8_t* end, kvm_regs registers) {
    registers.rdi = kResults;
    registers.rsi = kRounds;
    machine.load(begin, end, registers);
    machine.run();
    machine.expect(KVM_EXIT_HLT, name);
    Samples samples(kRounds);
    std::memcpy(samples.data(), machine.memory() + kResults, kRounds * sizeof samples[0]);
    for (auto& sample : samples) sample -= kMeasuringOverhead;
    report("exits", name, samples);
}

/// Of each round's two OUTs one is the main loop's, the other the interrupt handler's.
void measure_injection(KvmMachine& machine) {
    machine.copy(kHandler, guest_interrupt_handler, guest_interrupt_handler_end);
    machine.load(guest_interrupt, guest_interrupt_end, {});
    machine.run();
    Samples samples = measure([&] {
        machine.expect(KVM_EXIT_IO, "inject_two_outs");
        machine.interrupt();
        machine.run();
        machine.expect(KVM_EXIT_IO, "inject_two_outs: handler");
        if (machine.state().io.port != 0x11) throw std::runtime_error("no interrupt was injected");
        machine.run();
    });
    report("exits", "inject_two_outs", samples);
}

}  // namespace

void measure_kvm_exits() {
    KvmMachine machine;
    kvm_regs registers{};

    registers.rdx = 0x10;
    machine.load(guest_out, guest_out_end, registers);
    measure_rounds(machine, "pio_out_user", KVM_EXIT_IO);

    registers = {};
    registers.rbx = kMmio;
    machine.load(guest_mmio, guest_mmio_end, registers);
    measure_rounds(machine, "mmio_write_user", KVM_EXIT_MMIO);

    machine.load(guest_halt, guest_halt_end, {});
    measure_rounds(machine, "hlt_user", KVM_EXIT_HLT);

    registers = {};
    measure_inside(machine, "cpuid", guest_cpuid, guest_cpuid_end, registers);
    registers.r10 = 1;
    measure_inside(machine, "hypercall", guest_hypercall, guest_hypercall_end, registers);
    registers.r10 = 0x1B;
    measure_inside(machine, "rdmsr", guest_rdmsr, guest_rdmsr_end, registers);

    kvm_ioeventfd doorbell{};
    doorbell.addr = kDoorbellPort;
    doorbell.len = 1;
    doorbell.fd = check(eventfd(0, 0), "eventfd");
    doorbell.flags = KVM_IOEVENTFD_FLAG_PIO;
    control(machine.vm(), KVM_IOEVENTFD, &doorbell, "KVM_IOEVENTFD");
    registers.r10 = kDoorbellPort;
    measure_inside(machine, "doorbell", guest_ring, guest_ring_end, registers);

    registers.rbx = kUntouched;
    measure_inside(machine, "second_level_fault", guest_touch, guest_touch_end, registers);

    measure_injection(machine);

    Samples samples = measure([&] { machine.run_at_once(); });
    report("exits", "run_returns_at_once", samples);
}

}  // namespace redoubt::bench::peer
