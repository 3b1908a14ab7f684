// Every device's registers against arbitrary accesses, lines, input and steps of time. The first
// byte picks one device of the chipset, or all of them together; the rest is a list of actions.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "arch/chipset.hpp"
#include "vmmd/arch/x86_64/devices/local_apic.hpp"
#include "vmmd/devices/unclaimed.hpp"
#include "vmmd/interrupt_line.hpp"

namespace redoubt::vmmd {
namespace {

/// The input, consumed from the front; zeros when it has run out.
class Input {
  public:
    explicit Input(std::span<const std::uint8_t> data) : data_(data) {}
    bool empty() const { return data_.empty(); }
    std::uint8_t byte() {
        if (data_.empty()) return 0;
        const auto value = data_.front();
        data_ = data_.subspan(1);
        return value;
    }
    std::uint64_t number(unsigned bytes) {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < bytes; ++i) value = value << 8 | byte();
        return value;
    }

  private:
    std::span<const std::uint8_t> data_;
};

struct Range {
    std::uint64_t size;
    Device* device;
};

class NullBackend final : public CharacterBackend {
  public:
    void write(std::span<const std::uint8_t>) override {}
};

class Machine {
  public:
    Machine() : chipset_(timers_[0], options()) {
        clock_.set({kNanosecondsPerSecond});
        const auto add = [this](std::uint64_t, std::uint64_t size, Device& device) {
            ranges_.push_back({size, &device});
        };
        chipset_.attach(add, add);
        for (unsigned vcpu = 0; vcpu < kVcpus; ++vcpu) {
            ranges_.push_back({0x1000, &chipset_.local_apic(vcpu)});
        }
        ranges_.push_back({1ULL << 32, &unclaimed_});
        chipset_.serial_input().set_ready_callback([this] { ++ready_; });
    }

    void run(Input& input) {
        const std::size_t only = input.byte();
        while (!input.empty()) {
            const auto pick = only < ranges_.size() ? only : input.byte() % ranges_.size();
            act(input, ranges_[pick]);
            check();
        }
    }

  private:
    static constexpr unsigned kVcpus = 4;
    static constexpr int kMaximumExpiries = 2000;

    ChipsetOptions options() {
        ChipsetOptions o;
        o.vcpus = kVcpus;
        o.tsc_frequency_hz = 2'400'000'000;
        o.memory_bytes = 1ULL << 30;
        o.real_time_seconds = 1'700'000'000;
        o.serial = &backend_;
        o.debug_port = [](std::uint8_t) {};
        o.vcpu_timers = [this](unsigned vcpu) -> TimerQueue& { return timers_[vcpu]; };
        // As the vCPU loop does it, later and with no lock held.
        o.init_vcpu = [this](unsigned vcpu) { initialized_[vcpu] = true; };
        return o;
    }

    void act(Input& input, const Range& range) {
        static constexpr std::array<std::size_t, 4> kSizes = {1, 2, 4, 8};
        const auto action = input.byte();
        const auto size = kSizes[action >> 4 & 3];
        std::array<std::uint8_t, 8> data{};
        switch (action & 0xF) {
            case 0:
            case 1:
            case 2:
            case 3: {
                const auto offset = input.number(range.size > 0x100 ? 2 : 1) % range.size;
                store_little_endian(data, input.number(static_cast<unsigned>(size)));
                range.device->write(offset, std::span<const std::uint8_t>(data).first(size));
                break;
            }
            case 4:
            case 5: {
                const auto offset = input.number(range.size > 0x100 ? 2 : 1) % range.size;
                range.device->read(offset, std::span(data).first(size));
                break;
            }
            case 6:
                advance({input.number(2)});
                break;
            case 7:
                advance({input.number(5)});
                break;
            case 8:
                chipset_.isa_interrupt(input.byte() % 16).set((action & 0x10) != 0);
                break;
            case 9:
                chipset_.interrupt(input.byte() % 24).set((action & 0x10) != 0);
                break;
            case 10: {
                std::array<std::uint8_t, 20> text{};
                const auto length = input.byte() % (text.size() + 1);
                if (chipset_.serial_input().receive(std::span(text).first(length)) > length)
                    std::abort();
                break;
            }
            case 11:
                chipset_.local_apic(action >> 4 & 3).read_msr(msr(input));
                break;
            case 12:
                chipset_.local_apic(action >> 4 & 3).write_msr(msr(input), input.number(8));
                break;
            case 13:
                take_interrupt(chipset_.local_apic(action >> 4 & 3));
                break;
            case 14:
                chipset_.message_signalled_interrupt(input.number(4),
                                                     static_cast<std::uint32_t>(input.number(2)));
                break;
            default:
                if ((action >> 4) == 0) chipset_.reset_all();
                if ((action >> 4) == 1) chipset_.press_power_button();
                if ((action >> 4) == 2) chipset_.local_apic(0).init();
                if ((action >> 4) == 3) {
                    chipset_.tsc(0).set_offset(input.number(8));
                    chipset_.local_apic(0).tsc_changed();
                }
                break;
        }
    }

    static std::uint32_t msr(Input& input) {
        const auto value = input.byte();
        return value == 0x1B ? 0x1B : value == 0xE0 ? 0x6E0 : 0x800U + value;
    }

    /// A pending interrupt of the APIC's own is there when it is taken, and not below 16.
    static void take_interrupt(LocalApic& apic) {
        const bool pending = apic.interrupt_pending();
        const auto vector = apic.acknowledge();
        if (vector && !pending) std::abort();
        if (pending && !vector) std::abort();
    }

    void advance(Nanoseconds step) {
        const auto end = clock_.now() + step;
        for (int i = 0; i < kMaximumExpiries && next_deadline() <= end; ++i) {
            clock_.set(std::max(next_deadline(), clock_.now()));
            run_expired();
        }
        clock_.set(end);
        run_expired();
    }

    void check() {
        // A timer that is always due would keep the vCPU from ever entering the guest.
        run_expired();
        run_expired();
        if (next_deadline() <= clock_.now()) std::abort();
        for (unsigned vcpu = 0; vcpu < kVcpus; ++vcpu) {
            if (std::exchange(initialized_[vcpu], false)) chipset_.local_apic(vcpu).init();
        }
    }

    Nanoseconds next_deadline() const {
        return std::ranges::min_element(timers_, {}, &TimerQueue::next_deadline)->next_deadline();
    }
    void run_expired() {
        for (auto& timers : timers_) timers.run_expired();
    }

    ManualClock clock_;
    std::array<TimerQueue, kVcpus> timers_{TimerQueue(clock_), TimerQueue(clock_),
                                           TimerQueue(clock_), TimerQueue(clock_)};
    std::array<bool, kVcpus> initialized_{};
    NullBackend backend_;
    Unclaimed unclaimed_{"port", clock_, [](const std::string&) {}};
    Chipset chipset_;
    std::vector<Range> ranges_;
    unsigned ready_ = 0;
};

}  // namespace
}  // namespace redoubt::vmmd

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    redoubt::vmmd::Input input({data, size});
    redoubt::vmmd::Machine machine;
    machine.run(input);
    return 0;
}
