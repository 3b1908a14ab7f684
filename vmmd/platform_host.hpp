// What a Platform needs of the machine that it is a part of. Each architecture has its own
// Platform, in arch/platform.hpp: everything that a guest finds around its processors'
// instructions.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "arch/vcpu_events.hpp"
#include "libhvcall/hypervisor.hpp"
#include "vmmd/config/config.hpp"
#include "vmmd/devices/character_backend.hpp"
#include "vmmd/guest_clock.hpp"
#include "vmmd/timer_queue.hpp"

namespace redoubt::vmmd {

/// The callbacks may come on any thread and with a device's lock held: they set a flag and kick.
struct PlatformHost {
    const VmConfig& config;
    const std::string& folder;  ///< that relative file: URLs start from
    hvcall::Hypervisor& hypervisor;
    hvcall::Vm& vm;
    const hvcall::GuestMemory& memory;
    const GuestClock& clock;
    CharacterBackend* serial = nullptr;
    std::function<void(const std::string&)> log;

    std::function<hvcall::Vcpu&(unsigned vcpu)> vcpu;
    std::function<TimerQueue&(unsigned vcpu)> timers;
    std::function<void(unsigned vcpu)> kick;
    std::function<void(unsigned vcpu, VcpuSignal signal)> send;
    std::function<void()> power_off;
    std::function<void(std::string_view how)>
        reset;  ///< ends a sentence: "by the keyboard controller"
};

}  // namespace redoubt::vmmd
