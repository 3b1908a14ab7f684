// Counts what one round trip of each kind of exit costs: guest -> kernel -> this process -> guest.
// Runs on Redoubt in place of vmmd; under QEMU's -icount shift=0 one tick is one instruction.
// Prints "BENCH exits NAME MEDIAN" lines; tools/bench makes the table.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "abi/object.hpp"
#include "libhvcall/hypervisor.hpp"
#include "libhvcall/native_hv/native_hypervisor.hpp"
#include "tests/bench/guest_layout.hpp"
#include "tests/bench/mmio_exit.hpp"
#include "tests/bench/samples.hpp"

namespace redoubt::bench {
namespace {

using abi::ExitKind;
using hvcall::GuestPhysicalAddress;

constexpr std::uint64_t kMemory = 32ULL << 20;

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
    explicit Machine(hvcall::Hypervisor& hypervisor) : vm_(hypervisor.create_vm(kMemory)) {
        vm_->add_memory(GuestPhysicalAddress{0}, kMemory);
        vcpu_ = vm_->create_vcpu(0);
        make_tables([this](std::uint64_t address, std::uint64_t value) {
            if (!memory().write(GuestPhysicalAddress{address}, value)) std::abort();
        });
    }
    ~Machine() { vcpu_.reset(); }

    abi::VcpuState& state() { return vcpu_->state(); }
    hvcall::Vcpu& vcpu() { return *vcpu_; }
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

/// The time from one return of run() to the next, `handle` in between.
template <class Handle>
void measure_rounds(Machine& machine, const char* name, ExitKind kind, const Handle& handle) {
    begin_row(name);
    Samples samples;
    samples.reserve(kRounds);
    std::uint64_t last = 0;
    auto& vcpu = machine.vcpu();
    auto& state = machine.state();
    for (std::size_t i = 0; i < kWarmUp + kRounds; ++i) {
        vcpu.run();
        if (state.exit.kind != kind) fail(name, state);
        handle(state);
        const std::uint64_t now = ticks();
        if (i >= kWarmUp) samples.push_back(now - last);
        last = now;
    }
    report("exits", name, samples);
}

/// What the guest's own loop measured, less the cost of measuring.
template <class Answer>
void measure_inside(Machine& machine, const char* name, ExitKind kind, const std::uint8_t* begin,
                    const std::uint8_t* end, std::uint32_t argument, const Answer& answer) {
    begin_row(name);
    machine.load(begin, end);
    auto& state = machine.state();
    state.gpr[abi::kRdi] = kResults;
    state.gpr[abi::kRsi] = kRounds;
    state.gpr[abi::kR10] = argument;
    for (;;) {
        machine.vcpu().run();
        if (state.exit.kind == kind) {
            answer(state);
            state.rip = state.exit.next_rip;
        } else if (state.exit.kind == ExitKind::Halt) {
            break;
        } else if (state.exit.kind != ExitKind::Interrupted) {
            fail(name, state);
        }
    }
    Samples samples(kRounds);
    for (std::size_t i = 0; i < kRounds; ++i) {
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

    measure_inside(machine, "cpuid", ExitKind::Cpuid, guest_cpuid, guest_cpuid_end, 0,
                   [](abi::VcpuState& s) {
                       s.gpr[abi::kRax] = 13;
                       s.gpr[abi::kRbx] = s.gpr[abi::kRcx] = s.gpr[abi::kRdx] = 1;
                   });
    measure_inside(machine, "hypercall", ExitKind::Hypercall, guest_hypercall, guest_hypercall_end,
                   1, [](abi::VcpuState& s) { s.gpr[abi::kRax] = 0; });
    measure_inside(machine, "rdmsr", ExitKind::Msr, guest_rdmsr, guest_rdmsr_end, 0x1B,
                   [](abi::VcpuState& s) { s.gpr[abi::kRax] = s.gpr[abi::kRdx] = 0; });

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
