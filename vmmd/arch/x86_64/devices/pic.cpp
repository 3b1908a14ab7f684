// The 8259A pair: initialization and operation command words, priorities, cascade.
#include "vmmd/arch/x86_64/devices/pic.hpp"

#include <bit>

namespace redoubt::vmmd {

namespace {

constexpr unsigned kCascadeInput = 2;
/// Inputs that can be level-triggered: not the timer, the keyboard and the cascade; not RTC and
/// FPU.
constexpr std::uint8_t kMasterLevelCapable = 0xF8;
constexpr std::uint8_t kSlaveLevelCapable = 0xDE;

constexpr std::uint8_t bit(unsigned input) { return static_cast<std::uint8_t>(1U << input); }

}  // namespace

Pic::Pic(InterruptLine& output) : output_(output) {
    inputs_.reserve(16);
    for (unsigned irq = 0; irq < 16; ++irq) inputs_.emplace_back(*this, irq);
    reset();
}

void Pic::reset() {
    const std::lock_guard lock(mutex_);
    // The wires keep their levels through a reset; only what the chips remember goes.
    const auto master_lines = master_.lines;
    const auto slave_lines = slave_.lines;
    master_ = Chip{};
    slave_ = Chip{};
    master_.master = true;
    master_.lines = master_lines;
    slave_.lines = slave_lines;
    update_output();
}

/// ICW1: everything back to the start except the vector base (data sheet, "Initialization command
/// words").
void Pic::Chip::initialize(std::uint8_t word1) {
    // Level inputs that are still asserted request again; edges have to come anew.
    request = lines & level_triggered;
    in_service = mask = 0;
    lowest = 7;
    expected_word = 2;
    single = (word1 & 0x02) != 0;
    needs_word4 = (word1 & 0x01) != 0;
    read_in_service = poll = special_mask = false;
    auto_end = rotate_on_auto_end = special_fully_nested = false;
}

void Pic::Chip::command(std::uint8_t value) {
    if ((value & 0x10) != 0) {
        initialize(value);
    } else if ((value & 0x08) != 0) {  // OCW3
        if ((value & 0x04) != 0) poll = true;
        if ((value & 0x02) != 0) read_in_service = (value & 0x01) != 0;
        if ((value & 0x40) != 0) special_mask = (value & 0x20) != 0;
    } else {  // OCW2: R, SL, EOI in the upper three bits
        const unsigned level = value & 7;
        switch (value >> 5) {
            case 0:
                rotate_on_auto_end = false;
                break;
            case 4:
                rotate_on_auto_end = true;
                break;
            case 1:
            case 5:
                if (const auto served = highest(in_service)) {
                    end_of_interrupt(*served, value >> 5 == 5);
                }
                break;
            case 3:
            case 7:
                end_of_interrupt(level, value >> 5 == 7);
                break;
            case 6:
                lowest = static_cast<std::uint8_t>(level);
                break;
            default:  // 2: no operation
                break;
        }
    }
}

void Pic::Chip::write_data(std::uint8_t value) {
    switch (expected_word) {
        case 2:
            vector_base = value & 0xF8;
            expected_word = single ? (needs_word4 ? 4 : 0) : 3;
            break;
        case 3:  // the cascade is wired, whatever the word says
            expected_word = needs_word4 ? 4 : 0;
            break;
        case 4:
            special_fully_nested = (value & 0x10) != 0;
            auto_end = (value & 0x02) != 0;
            expected_word = 0;
            break;
        default:
            mask = value;
            break;
    }
}

void Pic::Chip::set_line(unsigned input, bool level) {
    const auto mine = bit(input);
    const bool before = (lines & mine) != 0;
    if (level) {
        lines |= mine;
        if ((level_triggered & mine) != 0 || !before) request |= mine;
    } else {
        lines &= static_cast<std::uint8_t>(~mine);
        // A request must stay until the first INTA, in both modes (data sheet, figure 9).
        request &= static_cast<std::uint8_t>(~mine);
    }
}

std::optional<unsigned> Pic::Chip::highest(std::uint8_t set) const {
    if (set == 0) return std::nullopt;
    const auto first = (lowest + 1U) & 7;
    const auto rotated = std::rotr(set, static_cast<int>(first));
    return (static_cast<unsigned>(std::countr_zero(rotated)) + first) & 7;
}

std::optional<unsigned> Pic::Chip::candidate() const {
    if (expected_word != 0) return std::nullopt;
    const auto wanting = highest(request & static_cast<std::uint8_t>(~mask));
    if (!wanting) return std::nullopt;
    auto blocking = in_service;
    // Special mask mode: what is masked does not hold up others. Special fully nested mode: a slave
    // in service may interrupt again with something more important.
    if (special_mask) blocking &= static_cast<std::uint8_t>(~mask);
    if (special_fully_nested && master) blocking &= static_cast<std::uint8_t>(~bit(kCascadeInput));
    const auto served = highest(blocking);
    if (!served) return wanting;
    const auto rank = [&](unsigned input) { return (input - lowest - 1U) & 7; };
    return rank(*wanting) < rank(*served) ? wanting : std::nullopt;
}

void Pic::Chip::take(unsigned input) {
    if ((level_triggered & bit(input)) == 0) request &= static_cast<std::uint8_t>(~bit(input));
    in_service |= bit(input);
    if (auto_end) end_of_interrupt(input, rotate_on_auto_end);
}

void Pic::Chip::end_of_interrupt(unsigned input, bool rotate) {
    in_service &= static_cast<std::uint8_t>(~bit(input));
    if (rotate) lowest = static_cast<std::uint8_t>(input);
}

std::uint8_t Pic::Chip::poll_word() {
    poll = false;
    const auto input = candidate();
    if (!input) return 0x07;
    take(*input);
    return static_cast<std::uint8_t>(0x80 | *input);
}

void Pic::update_output() {
    // The slave's INT is an ordinary input of the master; edge-triggered, it has to fall in
    // between.
    master_.set_line(kCascadeInput, slave_.candidate().has_value());
    const bool level = master_.candidate().has_value();
    if (level == output_level_) return;
    output_level_ = level;
    output_.set(level);
}

void Pic::set_line(unsigned irq, bool level) {
    const std::lock_guard lock(mutex_);
    if (irq == kCascadeInput) return;
    (irq < 8 ? master_ : slave_).set_line(irq & 7, level);
    update_output();
}

std::uint8_t Pic::acknowledge() {
    const std::lock_guard lock(mutex_);
    std::uint8_t vector = 0;
    const auto input = master_.candidate();
    if (!input) {
        vector = master_.vector_base + 7;
    } else {
        master_.take(*input);
        vector = static_cast<std::uint8_t>(master_.vector_base + *input);
        if (*input == kCascadeInput) {
            const auto from_slave = slave_.candidate();
            if (from_slave) slave_.take(*from_slave);
            vector = static_cast<std::uint8_t>(slave_.vector_base + from_slave.value_or(7));
            master_.set_line(kCascadeInput, false);
        }
    }
    update_output();
    return vector;
}

Pic::Chip* Pic::chip_at(std::uint64_t port) {
    if ((port & ~1ULL) == 0x20) return &master_;
    if ((port & ~1ULL) == 0xA0) return &slave_;
    return nullptr;
}

std::uint8_t Pic::read_byte(std::uint64_t port) {
    const std::lock_guard lock(mutex_);
    if (port == 0x4D0) return master_.level_triggered;
    if (port == 0x4D1) return slave_.level_triggered;
    auto* chip = chip_at(port);
    if (chip == nullptr) return 0xFF;
    if (chip->poll) {
        const auto value = chip->poll_word();
        update_output();
        return value;
    }
    if ((port & 1) != 0) return chip->mask;
    return chip->read_in_service ? chip->in_service : chip->request;
}

void Pic::write_byte(std::uint64_t port, std::uint8_t value) {
    const std::lock_guard lock(mutex_);
    auto* chip = chip_at(port);
    if (port == 0x4D0) {
        master_.level_triggered = value & kMasterLevelCapable;
    } else if (port == 0x4D1) {
        slave_.level_triggered = value & kSlaveLevelCapable;
    } else if (chip != nullptr && (port & 1) != 0) {
        chip->write_data(value);
    } else if (chip != nullptr) {
        chip->command(value);
    }
    update_output();
}

}  // namespace redoubt::vmmd
