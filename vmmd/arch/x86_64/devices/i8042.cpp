// The keyboard controller's commands.
#include "vmmd/arch/x86_64/devices/i8042.hpp"

#include <utility>

namespace redoubt::vmmd {

namespace {

constexpr std::uint8_t kOutputFull = 0x01;  // status
constexpr std::uint8_t kSystemFlag = 0x04;
constexpr std::uint8_t kLastWasCommand = 0x08;
constexpr std::uint8_t kNotInhibited = 0x10;
constexpr std::uint8_t kTimeout = 0x40;
constexpr std::uint8_t kKeyboardInterrupt = 0x01;  // command byte
constexpr std::uint8_t kKeyboardDisabled = 0x10;
constexpr std::uint8_t kAuxiliaryDisabled = 0x20;
constexpr std::uint8_t kOutputPortNoReset = 0x01;
constexpr std::uint8_t kOutputPortA20 = 0x02;
constexpr std::uint8_t kPort92Reset = 0x01;
constexpr std::uint8_t kPort92A20 = 0x02;

constexpr std::uint8_t kSelfTestPassed = 0x55;
constexpr std::uint8_t kKeyboardTestPassed = 0x00;
constexpr std::uint8_t kAuxiliaryClockStuck = 0x01;
constexpr std::uint8_t kResend = 0xFE;

}  // namespace

I8042::I8042(InterruptLine& output, std::function<void(std::string_view)> reset)
    : output_(output), reset_(std::move(reset)) {
    I8042::reset();
}

void I8042::reset() {
    const std::lock_guard lock(mutex_);
    ram_ = {};
    ram_[0] = kKeyboardDisabled | kAuxiliaryDisabled;
    status_ = kNotInhibited;
    output_buffer_ = pending_command_ = 0;
    output_port_ = kOutputPortNoReset | kOutputPortA20;
    port92_ = kPort92A20;
    update_output();
}

void I8042::update_output() {
    output_.set((status_ & kOutputFull) != 0 && (ram_[0] & kKeyboardInterrupt) != 0);
}

void I8042::answer(std::uint8_t value, std::uint8_t status_bits) {
    output_buffer_ = value;
    status_ = static_cast<std::uint8_t>((status_ & ~kTimeout) | kOutputFull | status_bits);
}

/// True: the guest asked for a reset.
bool I8042::command(std::uint8_t value) {
    pending_command_ = 0;
    if (value >= 0x20 && value < 0x40) {
        answer(ram_[value & 0x1F]);
    } else if (value >= 0xF0) {
        // Pulses the output port's low bits that are 0 here; bit 0 is the processor's reset.
        return (value & 1) == 0;
    }
    switch (value) {
        case 0xA7:
            ram_[0] |= kAuxiliaryDisabled;
            break;
        case 0xA8:
            ram_[0] &= static_cast<std::uint8_t>(~kAuxiliaryDisabled);
            break;
        case 0xA9:  // there is no second port, and this is how such a controller says so
            answer(kAuxiliaryClockStuck);
            break;
        case 0xAA:
            status_ |= kSystemFlag;
            answer(kSelfTestPassed);
            break;
        case 0xAB:
            answer(kKeyboardTestPassed);
            break;
        case 0xAD:
            ram_[0] |= kKeyboardDisabled;
            break;
        case 0xAE:
            ram_[0] &= static_cast<std::uint8_t>(~kKeyboardDisabled);
            break;
        case 0xC0:  // input port: keyboard not locked
            answer(0x80);
            break;
        case 0xD0:
            answer(output_port_);
            break;
        default:
            // The commands that take a byte: write RAM, output port, echo buffers, second port.
            if ((value >= 0x60 && value < 0x80) || (value >= 0xD1 && value <= 0xD4)) {
                pending_command_ = value;
            }
            break;
    }
    return false;
}

bool I8042::data(std::uint8_t value) {
    const auto command = std::exchange(pending_command_, 0);
    if (command >= 0x60 && command < 0x80) {
        ram_[command & 0x1F] = value;
        return false;
    }
    switch (command) {
        case 0xD1:
            output_port_ = value;
            return (value & kOutputPortNoReset) == 0;
        case 0xD2:
        case 0xD3:  // without a second port the byte comes back as if the first had sent it
            answer(value);
            return false;
        default:
            // To a device: nobody acknowledges, and the controller gives up ("general time-out").
            answer(kResend, kTimeout);
            return false;
    }
}

std::uint8_t I8042::read_byte(std::uint64_t port) {
    const std::lock_guard lock(mutex_);
    if (port == 0x92) return port92_;
    if (port == 0x64) return status_;
    if (port != 0x60) return 0xFF;
    const auto value = output_buffer_;
    status_ &= static_cast<std::uint8_t>(~(kOutputFull | kTimeout));
    update_output();
    return value;
}

void I8042::write_byte(std::uint64_t port, std::uint8_t value) {
    bool reset_machine = false;
    {
        const std::lock_guard lock(mutex_);
        if (port == 0x92) {
            reset_machine = (value & ~port92_ & kPort92Reset) != 0;
            port92_ = value & (kPort92Reset | kPort92A20);
        } else if (port == 0x64) {
            status_ |= kLastWasCommand;
            reset_machine = command(value);
        } else if (port == 0x60) {
            status_ &= static_cast<std::uint8_t>(~kLastWasCommand);
            reset_machine = data(value);
        }
        update_output();
    }
    if (reset_machine && reset_)
        reset_(port == 0x92 ? "through port 0x92" : "by the keyboard controller");
}

}  // namespace redoubt::vmmd
