// The 16550A: registers, FIFO, interrupt priorities, loopback.
#include "vmmd/devices/serial.hpp"

#include <algorithm>
#include <utility>

namespace redoubt::vmmd {

namespace {

enum Register : std::uint64_t {
    kData = 0,             // RBR, THR; DLL with DLAB
    kInterruptEnable = 1,  // IER; DLM with DLAB
    kIdentification = 2,   // IIR; FCR on write
    kLineControl = 3,
    kModemControl = 4,
    kLineStatus = 5,
    kModemStatus = 6,
    kScratch = 7,
};

// IER and the IIR codes of the same sources (8.5, table IV).
constexpr std::uint8_t kReceivedEnable = 0x01;
constexpr std::uint8_t kTransmitterEnable = 0x02;
constexpr std::uint8_t kLineStatusEnable = 0x04;
constexpr std::uint8_t kModemStatusEnable = 0x08;
constexpr std::uint8_t kNoInterrupt = 0x01;
constexpr std::uint8_t kModemStatusCode = 0x00;
constexpr std::uint8_t kTransmitterCode = 0x02;
constexpr std::uint8_t kReceivedCode = 0x04;
constexpr std::uint8_t kLineStatusCode = 0x06;
constexpr std::uint8_t kTimeoutCode = 0x0C;

constexpr std::uint8_t kFifoClearReceiver = 0x02;
constexpr std::uint8_t kDivisorAccess = 0x80;
constexpr std::uint8_t kOut2 = 0x08;  // MCR
constexpr std::uint8_t kLoopback = 0x10;
constexpr std::uint8_t kDataReady = 0x01;  // LSR
constexpr std::uint8_t kOverrun = 0x02;
constexpr std::uint8_t kTransmitterEmpty = 0x60;  // THRE and TEMT
constexpr std::uint8_t kTrailingEdgeRing = 0x04;  // MSR
constexpr std::uint8_t kModemConnected = 0xB0;    // CTS, DSR, DCD

constexpr std::uint64_t kBaudClockHz = 115'200;

}  // namespace

Serial::Serial(TimerQueue& timers, InterruptLine& output, CharacterBackend* backend)
    : output_(output),
      backend_(backend),
      clock_(timers.clock()),
      timer_(timers, [this] { timer_expired(); }) {}

void Serial::reset() {
    bool ready = false;
    {
        const std::lock_guard lock(mutex_);
        r_ = Registers{};
        timer_.cancel();
        update_output();
        ready = take_ready();
    }
    if (ready) ready_();
}

void Serial::set_ready_callback(std::function<void()> ready) {
    const std::lock_guard lock(mutex_);
    ready_ = std::move(ready);
}

bool Serial::loopback() const { return (r_.modem_control & kLoopback) != 0; }

bool Serial::divisor_access() const { return (r_.line_control & kDivisorAccess) != 0; }

std::size_t Serial::trigger_level() const {
    static constexpr std::size_t kLevels[] = {1, 4, 8, 14};
    return fifo_enabled() ? kLevels[r_.fifo_control >> 6] : 1;
}

/// 8.6.2: four character times, of start, data, parity and stop bits.
Nanoseconds Serial::timeout_period() const {
    const std::uint64_t data_bits = 5 + (r_.line_control & 3);
    const std::uint64_t bits =
        1 + data_bits + ((r_.line_control >> 3) & 1) + 1 + ((r_.line_control >> 2) & 1);
    const std::uint64_t divisor = std::max<std::uint64_t>(r_.divisor, 1);
    return {4 * bits * divisor * kNanosecondsPerSecond / kBaudClockHz};
}

/// The upper half of the MSR: from the wire, or in loopback from the MCR's outputs (8.9).
std::uint8_t Serial::modem_lines() const {
    if (!loopback()) return kModemConnected;
    const unsigned mcr = r_.modem_control;
    return static_cast<std::uint8_t>((mcr & 0x02) << 3 | (mcr & 0x01) << 5 | (mcr & 0x0C) << 4);
}

std::uint8_t Serial::interrupt_identification() const {
    const auto enabled = r_.interrupt_enable;
    if ((enabled & kLineStatusEnable) != 0 && r_.line_errors != 0) return kLineStatusCode;
    if ((enabled & kReceivedEnable) != 0) {
        if (r_.count >= trigger_level()) return kReceivedCode;
        if (r_.timeout) return kTimeoutCode;
    }
    if ((enabled & kTransmitterEnable) != 0 && r_.transmitter_request) return kTransmitterCode;
    if ((enabled & kModemStatusEnable) != 0 && r_.modem_deltas != 0) return kModemStatusCode;
    return kNoInterrupt;
}

void Serial::update_output() {
    // On a PC, OUT2 connects the interrupt pin to the bus; loopback disconnects OUT2.
    const bool gate = (r_.modem_control & kOut2) != 0 && !loopback();
    const bool level = gate && interrupt_identification() != kNoInterrupt;
    if (level == output_level_) return;
    output_level_ = level;
    output_.set(level);
}

/// After any change of the FIFO's contents: the timeout starts anew (8.6.2).
void Serial::receive_changed() {
    r_.timeout = false;
    if (r_.count == 0 || !fifo_enabled()) {
        timer_.cancel();
    } else {
        timer_.arm(clock_.now() + timeout_period());
    }
}

void Serial::timer_expired() {
    const std::lock_guard lock(mutex_);
    if (r_.count == 0 || !fifo_enabled()) return;
    r_.timeout = true;
    update_output();
}

void Serial::push(std::uint8_t byte) {
    if (r_.count == capacity()) {
        // A full FIFO keeps what it has; without it the new character replaces the old (8.4).
        r_.line_errors |= kOverrun;
        if (!fifo_enabled()) r_.received[r_.first] = byte;
        return;
    }
    r_.received[(r_.first + r_.count++) % kFifoSize] = byte;
}

std::uint8_t Serial::pop() {
    if (r_.count == 0) return 0;
    const auto byte = r_.received[r_.first];
    r_.first = (r_.first + 1) % kFifoSize;
    --r_.count;
    receive_changed();
    return byte;
}

void Serial::clear_received() {
    r_.first = r_.count = 0;
    receive_changed();
}

bool Serial::take_ready() {
    if (!sender_waits_ || r_.count != 0 || loopback() || !ready_) return false;
    sender_waits_ = false;
    return true;
}

std::size_t Serial::receive(std::span<const std::uint8_t> bytes) {
    const std::lock_guard lock(mutex_);
    const auto room = loopback() ? 0 : capacity() - std::min(r_.count, capacity());
    const auto taken = std::min(room, bytes.size());
    for (const auto byte : bytes.first(taken)) push(byte);
    if (taken != 0) receive_changed();
    sender_waits_ = taken < bytes.size();
    update_output();
    return taken;
}

void Serial::transmit(std::uint8_t byte) {
    // The request falls while the character is on its way: with an edge-triggered controller behind
    // it, that is what makes the next one count.
    r_.transmitter_request = false;
    if ((r_.interrupt_enable & kTransmitterEnable) != 0) update_output();
    if (loopback()) {
        push(byte);
        receive_changed();
    } else if (backend_ != nullptr) {
        backend_->write({&byte, 1});
    }
    r_.transmitter_request = true;
}

void Serial::write_fifo_control(std::uint8_t value) {
    const bool enable = (value & 1) != 0;
    // Switching the FIFOs on or off empties them; the other bits count only when they are on (8.4).
    if (enable != fifo_enabled() || (enable && (value & kFifoClearReceiver) != 0)) clear_received();
    r_.fifo_control = enable ? value & 0xC9 : 0;
}

void Serial::write_modem_control(std::uint8_t value) {
    const auto before = modem_lines();
    r_.modem_control = value & 0x1F;
    const auto after = modem_lines();
    const unsigned changed = (before ^ after) >> 4;
    // The ring indicator reports its trailing edge only.
    const bool ring_fell = (changed & kTrailingEdgeRing) != 0 && (before & 0x40) != 0;
    r_.modem_deltas |=
        static_cast<std::uint8_t>((changed & 0x0B) | (ring_fell ? kTrailingEdgeRing : 0));
}

std::uint8_t Serial::read_byte(std::uint64_t offset) {
    std::uint8_t value = 0;
    bool ready = false;
    {
        const std::lock_guard lock(mutex_);
        switch (offset) {
            case kData:
                value = divisor_access() ? static_cast<std::uint8_t>(r_.divisor) : pop();
                break;
            case kInterruptEnable:
                value = divisor_access() ? static_cast<std::uint8_t>(r_.divisor >> 8)
                                         : r_.interrupt_enable;
                break;
            case kIdentification:
                value = interrupt_identification();
                if (value == kTransmitterCode) r_.transmitter_request = false;
                if (fifo_enabled()) value |= 0xC0;
                break;
            case kLineControl:
                value = r_.line_control;
                break;
            case kModemControl:
                value = r_.modem_control;
                break;
            case kLineStatus:
                // Polled between all characters of a polling driver: nothing changes but the
                // errors.
                value = kTransmitterEmpty | (r_.count != 0 ? kDataReady : 0) | r_.line_errors;
                if (r_.line_errors == 0) return value;
                r_.line_errors = 0;
                break;
            case kModemStatus:
                value = modem_lines() | r_.modem_deltas;
                r_.modem_deltas = 0;
                break;
            case kScratch:
                value = r_.scratch;
                break;
            default:
                return 0xFF;
        }
        update_output();
        ready = take_ready();
    }
    if (ready) ready_();
    return value;
}

void Serial::write_byte(std::uint64_t offset, std::uint8_t value) {
    bool ready = false;
    {
        const std::lock_guard lock(mutex_);
        switch (offset) {
            case kData:
                if (divisor_access()) {
                    r_.divisor = static_cast<std::uint16_t>((r_.divisor & 0xFF00) | value);
                } else {
                    transmit(value);
                }
                break;
            case kInterruptEnable:
                if (divisor_access()) {
                    r_.divisor = static_cast<std::uint16_t>((r_.divisor & 0x00FF) | value << 8);
                    break;
                }
                // Enabling the transmitter's interrupt while it is empty requests one (8.7).
                if ((value & ~r_.interrupt_enable & kTransmitterEnable) != 0)
                    r_.transmitter_request = true;
                r_.interrupt_enable = value & 0x0F;
                break;
            case kIdentification:
                write_fifo_control(value);
                break;
            case kLineControl:
                r_.line_control = value;
                break;
            case kModemControl:
                write_modem_control(value);
                break;
            case kScratch:
                r_.scratch = value;
                break;
            default:  // LSR and MSR are for reading ("factory testing" otherwise)
                break;
        }
        update_output();
        ready = take_ready();
    }
    if (ready) ready_();
}

}  // namespace redoubt::vmmd
