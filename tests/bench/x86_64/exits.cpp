// The exits of x86-64.
#include <iterator>

#include "abi/x86_64/identification.hpp"
#include "tests/bench/exit_guest.hpp"
#include "tests/bench/x86_64/mmio_exit.hpp"

namespace redoubt::bench {

namespace {

constexpr unsigned kPageBits = 12, kLazyPages = 512;  // as many as one Retype makes
constexpr std::uint64_t kUntouched = 64ULL << 20;

void advance(abi::VcpuState& state) { state.rip = state.exit.next_rip; }

}  // namespace

void measure_exits(hvcall::Hypervisor& hypervisor) {
    Guest guest(hypervisor);
    /// The guest's own measurement of a routine, whose exits `answer` deals with.
    const auto inside = [&](const char* name, ExitKind kind, const std::uint8_t* begin,
                            const std::uint8_t* end, const Start& start, auto answer) {
        measure_inside(guest, name, begin, end, start, answering(guest, name, kind, answer));
    };
    const auto inside_without_exit = [&](const char* name, const std::uint8_t* begin,
                                         const std::uint8_t* end, const Start& start) {
        inside(name, ExitKind::Interrupted, begin, end, start, [](abi::VcpuState&) {});
    };

    guest.load(guest_out, guest_out_end);
    guest.state().gpr[abi::kRdx] = 0x10;
    measure_rounds(guest, "pio_out_user", ExitKind::PortIo, advance);

    MmioExit mmio(guest.vcpu(), guest.memory());
    guest.load(guest_mmio, guest_mmio_end);
    guest.state().gpr[abi::kRbx] = kMmio;
    measure_rounds(guest, "mmio_write_user", ExitKind::Mmio, [&](abi::VcpuState& state) {
        if (!mmio.complete()) fail("mmio_write_user: emulation", state);
    });
    if (mmio.writes() != kWarmUp + kRounds) fail("mmio_write_user: lost writes", guest.state());

    guest.load(guest_halt, guest_halt_end);
    measure_rounds(guest, "hlt_user", ExitKind::Halt, advance);

    inside("cpuid", ExitKind::Cpuid, guest_cpuid, guest_cpuid_end, {}, [](abi::VcpuState& s) {
        s.gpr[abi::kRax] = 13;
        s.gpr[abi::kRbx] = s.gpr[abi::kRcx] = s.gpr[abi::kRdx] = 1;
        advance(s);
    });
    inside("hypercall", ExitKind::Hypercall, guest_hypercall, guest_hypercall_end, {1},
           [](abi::VcpuState& s) {
               s.gpr[abi::kRax] = 0;
               advance(s);
           });
    inside("rdmsr", ExitKind::Msr, guest_rdmsr, guest_rdmsr_end, {0x1B}, [](abi::VcpuState& s) {
        s.gpr[abi::kRax] = s.gpr[abi::kRdx] = 0;
        advance(s);
    });

    abi::hv::CpuidEntry entries[32] = {};
    for (std::uint32_t i = 0; i < std::size(entries); ++i)
        entries[i] = {i, 0, abi::hv::CpuidEntry::kAnySubleaf, 13, 1, 1, 1, 0};
    guest.vcpu().set_identification(std::as_bytes(std::span{entries}));
    inside_without_exit("cpuid_table", guest_cpuid, guest_cpuid_end, {1});
    guest.vcpu().set_identification({});

    {
        const auto bell = guest.vm().bind_doorbell({kDoorbellPort, 1, 0, 0});
        inside_without_exit("doorbell", guest_ring, guest_ring_end, {kDoorbellPort});
        if (!bell->wait({0})) fail("doorbell: it did not ring", guest.state());
    }

    LazyMemory lazy(kPageBits, kLazyPages);
    inside("second_level_fault", ExitKind::Mmio, guest_touch, guest_touch_end,
           {0, kUntouched, kLazyPages}, [&](abi::VcpuState& s) { lazy.map_page(s.exit.info1); });

    guest.copy(kHandler, guest_interrupt_handler, guest_interrupt_handler_end);
    guest.load(guest_interrupt, guest_interrupt_end);
    guest.run_to(ExitKind::PortIo, "inject_two_outs");
    measure_rounds(guest, "inject_two_outs", ExitKind::PortIo, [&](abi::VcpuState& s) {
        // Port 0x10 is the main loop: inject, and let the handler's OUT pass in the same round.
        advance(s);
        s.inject = abi::EventInjection::kValid | abi::EventInjection::kExternalInterrupt | kVector;
        guest.vcpu().run();
        if (s.exit.kind != ExitKind::PortIo || s.exit.info1 != 0x11) fail("inject_two_outs", s);
        advance(s);
    });

    guest.load(guest_out, guest_out_end);
    guest.state().control = abi::kExitAtOnce;
    measure_rounds(guest, "run_returns_at_once", ExitKind::Interrupted, [](abi::VcpuState&) {});
}

}  // namespace redoubt::bench
