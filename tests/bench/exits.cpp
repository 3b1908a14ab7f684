// Counts what one round trip of each kind of exit costs: guest -> kernel -> this process -> guest.
// Runs on Redoubt in place of vmmd; under QEMU's -icount shift=0 one tick is one instruction.
// Prints "BENCH exits NAME MEDIAN" lines; tools/bench makes the table.
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "abi/object.hpp"
#include "libhvcall/hypervisor.hpp"
#include "libhvcall/native/ipc.hpp"
#include "libhvcall/native_hv/native_hypervisor.hpp"
#include "libposix/native_services.hpp"
#include "tests/bench/guest_layout.hpp"
#include "tests/bench/mmio_exit.hpp"
#include "tests/bench/samples.hpp"

namespace redoubt::bench {
namespace {

using abi::ExitKind;
using hvcall::GuestPhysicalAddress;

constexpr std::uint64_t kMemory = 32ULL << 20;
constexpr std::uint64_t kMostTables = 16ULL << 30;  // a VM of that size has room for LazyMemory's
constexpr std::uint64_t kUntouched = 64ULL << 20;   // LazyMemory

[[noreturn]] void fail(const char* what, const abi::VcpuState& state) {
    std::printf("BENCH FAILED %s: exit %u detail %u info %llx rip %llx\n", what,
                static_cast<unsigned>(state.exit.kind), state.exit.detail,
                static_cast<unsigned long long>(state.exit.info1),
                static_cast<unsigned long long>(state.rip));
    std::exit(1);
}

/// One VM with one vCPU in 64-bit mode, its first GiB mapped 1:1.
class Machine {
  public:
    explicit Machine(hvcall::Hypervisor& hypervisor) : vm_(hypervisor.create_vm(kMostTables)) {
        vm_->add_memory(GuestPhysicalAddress{0}, kMemory);
        vcpu_ = vm_->create_vcpu(0);
        make_tables([this](std::uint64_t address, std::uint64_t value) {
            if (!memory().write(GuestPhysicalAddress{address}, value)) std::abort();
        });
    }
    ~Machine() { vcpu_.reset(); }

    abi::VcpuState& state() { return vcpu_->state(); }
    hvcall::Vcpu& vcpu() { return *vcpu_; }
    hvcall::Vm& vm() { return *vm_; }
    const hvcall::GuestMemory& memory() const { return vm_->memory(); }

    /// Puts a routine at kCode and points the vCPU there.
    void load(const std::uint8_t* begin, const std::uint8_t* end) {
        copy(kCode, begin, end);
        auto& s = state();
        std::memset(s.gpr, 0, sizeof s.gpr);
        s.gpr[abi::kRsp] = kStack;
        s.rip = kCode;
        s.rflags = 2;
        s.inject = 0;
        s.control = 0;
        s.deadline = abi::kNever;
        s.cr0 = kCr0;
        s.cr3 = kTables;
        s.cr4 = kCr4;
        s.efer = kEfer;
        for (auto& segment : s.segments) segment = {0x10, 0xC93, 0xFFFF'FFFF, 0};
        s.segments[abi::kCs] = {0x08, 0xA9B, 0xFFFF'FFFF, 0};
        s.segments[abi::kLdtr] = {0, 0x082, 0xFFFF, 0};
        s.segments[abi::kTr] = {0, 0x08B, 0xFFFF, 0};
        s.gdtr = {0, 0, 23, kGdt};
        s.idtr = {0, 0, 0xFFF, kIdt};
        hvcall::mark_dirty(s, abi::RegisterGroup::All);
    }

    void copy(std::uint64_t address, const std::uint8_t* begin, const std::uint8_t* end) {
        if (!memory().copy_in(GuestPhysicalAddress{address}, {begin, end})) std::abort();
    }

    void run_to(ExitKind kind, const char* what) {
        do vcpu_->run();
        while (state().exit.kind == ExitKind::Interrupted);
        if (state().exit.kind != kind) fail(what, state());
    }

  private:
    std::unique_ptr<hvcall::Vm> vm_;
    std::unique_ptr<hvcall::Vcpu> vcpu_;
};

/// Pages that a monitor gives the only VM when its guest touches them.
class LazyMemory {
  public:
    static constexpr std::size_t kPages = 512;  // as many as one Retype makes

    LazyMemory() : services_(*posix::native_services()) {
        const auto hv = services_.find_grant("hv");
        vm_ = services_.allocate_slots(1);
        pages_ = services_.allocate_slots(kPages);
        const auto memory = services_.allocate_untyped(std::bit_width(kPages * kPage - 1));
        if (native::scheme::open(hv, "vm/1", abi::scheme::OpenFlags::None, vm_).error !=
                abi::Error::Ok ||
            native::retype(memory, abi::ObjectType::Frame, std::countr_zero(kPage), pages_,
                           kPages) != abi::Error::Ok) {
            std::printf("BENCH FAILED no memory to map lazily\n");
            std::exit(1);
        }
    }

    void map_page(std::uint64_t address) {
        using enum abi::MapFlags;
        native::map(pages_ + used_++, vm_, address & ~(kPage - 1), Read | Write);
    }

  private:
    static constexpr std::uint64_t kPage = 4096;

    const posix::NativeServices& services_;
    abi::CapabilityIndex vm_ = 0, pages_ = 0;
    std::uint32_t used_ = 0;
};

/// The time from one return of run() to the next, `handle` in between.
template <class Handle>
void measure_rounds(Machine& machine, const char* name, ExitKind kind, const Handle& handle) {
    begin_row(name);
    Samples times(kWarmUp + kRounds);
    auto& vcpu = machine.vcpu();
    auto& state = machine.state();
    for (std::uint64_t& time : times) {
        vcpu.run();
        if (state.exit.kind != kind) fail(name, state);
        handle(state);
        time = ticks();
    }
    Samples samples(kRounds);
    for (std::size_t i = 0; i < kRounds; ++i)
        samples[i] = times[kWarmUp + i] - times[kWarmUp + i - 1];
    report("exits", name, samples);
}

/// What a routine that measures itself starts with.
struct Start {
    std::uint32_t argument = 0;
    std::uint64_t address = 0;
    std::size_t rounds = kRounds;
};

/// What the guest's own loop measured, less the cost of measuring.
template <class Answer>
void measure_inside(Machine& machine, const char* name, ExitKind kind, const std::uint8_t* begin,
                    const std::uint8_t* end, const Start& start, const Answer& answer) {
    begin_row(name);
    machine.load(begin, end);
    auto& state = machine.state();
    state.gpr[abi::kRdi] = kResults;
    state.gpr[abi::kRsi] = start.rounds;
    state.gpr[abi::kR10] = start.argument;
    state.gpr[abi::kRbx] = start.address;
    for (;;) {
        machine.vcpu().run();
        if (state.exit.kind == ExitKind::Halt) break;
        if (state.exit.kind == kind) {
            answer(state);
            if (state.exit.next_rip != 0) state.rip = state.exit.next_rip;
        } else if (state.exit.kind != ExitKind::Interrupted) {
            fail(name, state);
        }
    }
    Samples samples(start.rounds);
    for (std::size_t i = 0; i < start.rounds; ++i) {
        samples[i] =
            machine.memory().read<std::uint64_t>(GuestPhysicalAddress{kResults + 8 * i}).value() -
            kMeasuringOverhead;
    }
    report("exits", name, samples);
}

void measure_all(hvcall::Hypervisor& hypervisor) {
    Machine machine(hypervisor);
    const auto advance = [](abi::VcpuState& state) { state.rip = state.exit.next_rip; };

    machine.load(guest_out, guest_out_end);
    machine.state().gpr[abi::kRdx] = 0x10;
    measure_rounds(machine, "pio_out_user", ExitKind::PortIo, advance);

    MmioExit mmio(machine.vcpu(), machine.memory());
    machine.load(guest_mmio, guest_mmio_end);
    machine.state().gpr[abi::kRbx] = kMmio;
    measure_rounds(machine, "mmio_write_user", ExitKind::Mmio, [&](abi::VcpuState& state) {
        if (!mmio.complete()) fail("mmio_write_user: emulation", state);
    });
    if (mmio.writes() != kWarmUp + kRounds) fail("mmio_write_user: lost writes", machine.state());

    machine.load(guest_halt, guest_halt_end);
    measure_rounds(machine, "hlt_user", ExitKind::Halt, advance);

    measure_inside(machine, "cpuid", ExitKind::Cpuid, guest_cpuid, guest_cpuid_end, {},
                   [](abi::VcpuState& s) {
                       s.gpr[abi::kRax] = 13;
                       s.gpr[abi::kRbx] = s.gpr[abi::kRcx] = s.gpr[abi::kRdx] = 1;
                   });
    measure_inside(machine, "hypercall", ExitKind::Hypercall, guest_hypercall, guest_hypercall_end,
                   {1}, [](abi::VcpuState& s) { s.gpr[abi::kRax] = 0; });
    measure_inside(machine, "rdmsr", ExitKind::Msr, guest_rdmsr, guest_rdmsr_end, {0x1B},
                   [](abi::VcpuState& s) { s.gpr[abi::kRax] = s.gpr[abi::kRdx] = 0; });

    abi::hv::CpuidEntry entries[32] = {};
    for (std::uint32_t i = 0; i < std::size(entries); ++i)
        entries[i] = {i, 0, abi::hv::CpuidEntry::kAnySubleaf, 13, 1, 1, 1, 0};
    machine.vcpu().set_cpuid(entries);
    measure_inside(machine, "cpuid_table", ExitKind::Interrupted, guest_cpuid, guest_cpuid_end, {1},
                   [](abi::VcpuState&) {});
    machine.vcpu().set_cpuid({});

    {
        const auto bell = machine.vm().bind_doorbell({kDoorbellPort, 1, 0, 0});
        measure_inside(machine, "doorbell", ExitKind::Interrupted, guest_ring, guest_ring_end,
                       {kDoorbellPort}, [](abi::VcpuState&) {});
        if (!bell->wait({0})) fail("doorbell: it did not ring", machine.state());
    }

    LazyMemory lazy;
    measure_inside(machine, "second_level_fault", ExitKind::Mmio, guest_touch, guest_touch_end,
                   {0, kUntouched, LazyMemory::kPages},
                   [&](abi::VcpuState& s) { lazy.map_page(s.exit.info1); });

    machine.copy(kHandler, guest_interrupt_handler, guest_interrupt_handler_end);
    machine.load(guest_interrupt, guest_interrupt_end);
    machine.run_to(ExitKind::PortIo, "inject_two_outs");
    measure_rounds(machine, "inject_two_outs", ExitKind::PortIo, [&](abi::VcpuState& s) {
        // Port 0x10 is the main loop: inject, and let the handler's OUT pass in the same round.
        s.rip = s.exit.next_rip;
        s.inject = abi::EventInjection::kValid | abi::EventInjection::kExternalInterrupt | kVector;
        machine.vcpu().run();
        if (s.exit.kind != ExitKind::PortIo || s.exit.info1 != 0x11) fail("inject_two_outs", s);
        s.rip = s.exit.next_rip;
    });

    machine.load(guest_out, guest_out_end);
    machine.state().control = abi::kExitAtOnce;
    measure_rounds(machine, "run_returns_at_once", ExitKind::Interrupted, [](abi::VcpuState&) {});
}

}  // namespace
}  // namespace redoubt::bench

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    redoubt::hvcall::announce_ready();
    auto hypervisor = redoubt::hvcall::open_native_hypervisor();
    if (!hypervisor) {
        std::printf("BENCH FAILED %s\n", hypervisor.error().c_str());
        return 1;
    }
    redoubt::bench::measure_all(**hypervisor);
    std::printf("BENCH DONE\n");
    return 0;
}
