// What vmmd does with the exits of a riscv64 guest: its router, SBI, devices and interrupts, around
// a vCPU of the benchmark's; without its statistics, trace and threads.
#pragma once

#include "arch/chipset.hpp"
#include "arch/exit_router.hpp"
#include "arch/vcpu_events.hpp"
#include "libhvcall/hypervisor.hpp"
#include "tests/bench/exit_guest.hpp"
#include "vmmd/bus/bus.hpp"
#include "vmmd/devices/unclaimed.hpp"
#include "vmmd/guest_clock.hpp"

namespace redoubt::bench {

class Monitor {
  public:
    Monitor(const hvcall::Hypervisor& hypervisor, Guest& guest, bool has_sstc)
        : guest_(guest),
          clock_(hypervisor),
          timers_(clock_),
          unclaimed_("memory", clock_, [](const std::string&) {}),
          mmio_(unclaimed_),
          chipset_(timers_, chipset_options()),
          context_{guest.vcpu(), guest.memory(), mmio_, 0, harts_, sbi_, hypervisor, has_sstc},
          router_(context_),
          events_(context_, router_, statistics_) {
        harts_.reset();
        chipset_.attach([this](std::uint64_t base, std::uint64_t size, vmmd::Device& device) {
            mmio_.attach(base, size, device);
        });
    }

    /// Enters the guest and answers its exit; false: it has halted.
    bool run() {
        events_.prepare(vmmd::Activity::Running, false);
        {
            const auto inside = events_.enter();
            guest_.vcpu().run();
        }
        const auto next = router_.route();
        if (next == vmmd::ExitNext::Stop) fail(router_.reason().c_str(), guest_.state());
        return next == vmmd::ExitNext::Run;
    }

  private:
    vmmd::ChipsetOptions chipset_options() {
        vmmd::ChipsetOptions options;
        options.external_interrupt = [this](unsigned hart, bool level) {
            harts_[hart].set_external(level);
        };
        return options;
    }

    Guest& guest_;
    vmmd::GuestClock clock_;
    vmmd::TimerQueue timers_;
    vmmd::Unclaimed unclaimed_;
    vmmd::MmioBus mmio_;
    vmmd::Harts harts_{1};
    vmmd::Chipset chipset_;
    vmmd::SbiMachine sbi_;
    vmmd::ExitStatistics statistics_;
    vmmd::ExitContext context_;
    vmmd::ExitRouter router_;
    vmmd::VcpuEvents events_;
};

}  // namespace redoubt::bench
