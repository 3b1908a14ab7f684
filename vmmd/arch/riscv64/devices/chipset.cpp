// The machine's wiring: which line ends where, and which addresses are whose.
#include "arch/chipset.hpp"

#include <utility>

#include "arch/memory_layout.hpp"

namespace redoubt::vmmd {

namespace {
constexpr std::uint64_t kSerialData = 0, kSerialLineStatus = 5;
constexpr std::uint8_t kDataReady = 1;
}  // namespace

Chipset::Chipset(TimerQueue& timers, ChipsetOptions options)
    : output_(options.serial),
      plic_(options.vcpus, std::move(options.external_interrupt)),
      serial_(timers, plic_.input(kSerialInterrupt), options.serial),
      rtc_(timers, plic_.input(kRtcInterrupt), options.real_time_seconds * kNanosecondsPerSecond),
      finisher_(std::move(options.power_off), std::move(options.reset)) {}

void Chipset::attach(const Attach& memory) {
    memory(kPlicBase, Plic::kSize, plic_);
    memory(kSerialBase, Serial::kSize, serial_);
    memory(kRtcBase, GoldfishRtc::kSize, rtc_);
    memory(kTestFinisherBase, TestFinisher::kSize, finisher_);
}

void Chipset::console_write(std::span<const std::uint8_t> bytes) {
    if (output_ != nullptr) output_->write(bytes);
}

std::optional<std::uint8_t> Chipset::console_read() {
    if ((serial_.read_byte(kSerialLineStatus) & kDataReady) == 0) return std::nullopt;
    return serial_.read_byte(kSerialData);
}

void Chipset::reset_all() {
    for (Device* device : std::initializer_list<Device*>{&serial_, &rtc_, &finisher_, &plic_}) {
        device->reset();
    }
}

}  // namespace redoubt::vmmd
