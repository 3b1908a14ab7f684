// The exits of riscv64.
#include "arch/memory_layout.hpp"
#include "tests/bench/exit_guest.hpp"
#include "tests/bench/riscv64/monitor.hpp"

namespace redoubt::bench {

namespace {

// Extensions of the SBI.
constexpr std::uint64_t kBase = 0x10, kTime = 0x5449'4D45, kIpi = 0x73'5049;
constexpr std::uint64_t kLineStatus = 5, kScratch = 7, kPriority = 4;  // registers of UART and PLIC
constexpr std::uint64_t kNowhere = 0x2000'0000;
constexpr std::uint64_t kCounter = kMemoryBase + 0x3000;
constexpr unsigned kBlockBits = 21, kBlocks = 128;
constexpr std::uint64_t kUntouched = kMemoryBase + (64ULL << 20);
enum Gpr { kT0 = 5, kA0 = 10, kA1, kA7 = 17, kS5 = 21 };

void advance(abi::VcpuState& state) { state.pc = state.exit.next_pc; }

void answer_call(abi::VcpuState& state) {
    state.gpr[kA0] = state.gpr[kA1] = 0;
    advance(state);
}

}  // namespace

void measure_exits(hvcall::Hypervisor& hypervisor) {
    Guest guest(hypervisor);
    const auto inside = [&](const char* name, ExitKind kind, const std::uint8_t* begin,
                            const std::uint8_t* end, const Start& start, auto answer) {
        measure_inside(guest, name, begin, end, start, answering(guest, name, kind, answer));
    };

    inside("sbi_call", ExitKind::Hypercall, guest_call, guest_call_end, {}, answer_call);
    inside("mmio_read", ExitKind::Mmio, guest_load, guest_load_end, {.address = kNowhere},
           [](abi::VcpuState& s) {
               s.gpr[kT0] = 0;
               s.pc += 4;
           });

    guest.load(guest_halt, guest_halt_end);
    measure_rounds(guest, "wfi_user", ExitKind::Halt, advance);

    const bool has_sstc = hypervisor.capabilities().contains(" sstc");
    {
        Monitor monitor(hypervisor, guest, has_sstc);
        const auto monitored = [&](const char* name, const std::uint8_t* begin,
                                   const std::uint8_t* end, const Start& start) {
            measure_inside(guest, name, begin, end, start, [&] { return monitor.run(); });
        };
        monitored("sbi_base", guest_call, guest_call_end, {kBase});
        monitored("sbi_set_timer", guest_call, guest_call_end, {kTime});
        monitored("sbi_send_ipi", guest_ipi, guest_ipi_end, {kIpi});
        using namespace vmmd;
        monitored("uart_read", guest_load, guest_load_end, {.address = kSerialBase + kLineStatus});
        monitored("uart_write", guest_store, guest_store_end, {.address = kSerialBase + kScratch});
        monitored("plic_read", guest_load_word, guest_load_word_end,
                  {.address = kPlicBase + kPriority});
    }

    LazyMemory lazy(kBlockBits, kBlocks);
    inside("touch", ExitKind::Mmio, guest_touch, guest_touch_end,
           {.address = kUntouched, .rounds = kBlocks},
           [&](abi::VcpuState& s) { lazy.map_page(s.exit.info1); });

    if (has_sstc) {
        guest.copy(kHandler, guest_timer_handler, guest_timer_handler_end);
        inside("timer_interrupt", ExitKind::Interrupted, guest_timer, guest_timer_end,
               {.address = kCounter}, [](abi::VcpuState&) {});
    }

    guest.copy(kHandler, guest_interrupt_handler, guest_interrupt_handler_end);
    guest.load(guest_interrupt, guest_interrupt_end);
    guest.state().gpr[kS5] = kHandler;
    guest.run_to(ExitKind::Hypercall, "inject_two_calls");
    measure_rounds(guest, "inject_two_calls", ExitKind::Hypercall, [&](abi::VcpuState& s) {
        // The call of the main loop: inject, and let the handler's pass in the same round.
        advance(s);
        s.inject |= abi::kInjectExternal;
        guest.vcpu().run();
        if (s.exit.kind != ExitKind::Hypercall || s.gpr[kA7] != 2) fail("inject_two_calls", s);
        s.inject &= ~abi::kInjectExternal;
        advance(s);
    });

    guest.load(guest_call, guest_call_end);
    guest.state().control = abi::kExitAtOnce;
    measure_rounds(guest, "run_returns_at_once", ExitKind::Interrupted, [](abi::VcpuState&) {});
}

}  // namespace redoubt::bench
