// The emulator's string instructions: MOVS, STOS, LODS, CMPS, SCAS, INS, OUTS, repeated or not.
#include "vmmd/arch/x86_64/isa/alu.hpp"
#include "vmmd/arch/x86_64/isa/emulator.hpp"

namespace redoubt::vmmd::isa {

namespace {
/// Steps of one emulation; more are done after the guest could take an interrupt, as in hardware.
constexpr unsigned kMaximumSteps = 512;
}  // namespace

Emulator::Outcome<bool> Emulator::string(const Instruction& i) {
    if (!i.repeat) {
        if (!string_step(i)) return std::unexpected(Raised{});
        return true;
    }
    const auto count_mask = size_mask(i.address_size);
    const bool compares =
        i.operation == Operation::StringCompare || i.operation == Operation::StringScan;
    auto& rcx = state_.gpr[abi::kRcx];
    for (unsigned step = 0; step < kMaximumSteps; ++step) {
        if ((rcx & count_mask) == 0) return true;
        if (!string_step(i)) return std::unexpected(Raised{});
        const auto count = (rcx - 1) & count_mask;
        rcx = i.address_size >= 4 ? count : (rcx & ~count_mask) | count;
        const bool equal = (state_.rflags & rflags::kZero) != 0;
        if (compares && equal == i.repeat_while_not_equal) return true;
    }
    return (rcx & count_mask) == 0;
}

Emulator::Outcome<void> Emulator::string_step(const Instruction& i) {
    const unsigned size = i.destination.size;
    const auto mask = size_mask(i.address_size);
    const auto source = [&] { return linear_address(i.segment, state_.gpr[abi::kRsi] & mask); };
    const auto destination = [&] { return linear_address(abi::kEs, state_.gpr[abi::kRdi] & mask); };
    const auto advance = [&](abi::GprIndex index) {
        const bool down = (state_.rflags & rflags::kDirection) != 0;
        auto& reg = state_.gpr[index];
        const auto next = (down ? reg - size : reg + size) & mask;
        reg = i.address_size >= 4 ? next : (reg & ~mask) | next;
    };
    const Operand accumulator{OperandKind::Register, abi::kRax, static_cast<std::uint8_t>(size)};
    const auto port = static_cast<std::uint16_t>(state_.gpr[abi::kRdx]);

    switch (i.operation) {
        case Operation::StringMove: {
            const auto value = load(source(), size);
            if (!value || !store(destination(), size, *value)) return std::unexpected(Raised{});
            advance(abi::kRsi);
            advance(abi::kRdi);
            return {};
        }
        case Operation::StringStore:
            if (!store(destination(), size, state_.gpr[abi::kRax]))
                return std::unexpected(Raised{});
            advance(abi::kRdi);
            return {};
        case Operation::StringLoad: {
            const auto value = load(source(), size);
            if (!value) return std::unexpected(Raised{});
            write_register(accumulator, *value);
            advance(abi::kRsi);
            return {};
        }
        case Operation::StringCompare: {
            const auto left = load(source(), size);
            if (!left) return std::unexpected(Raised{});
            const auto right = load(destination(), size);
            if (!right) return std::unexpected(Raised{});
            Alu(size, state_.rflags).subtract(*left, *right);
            advance(abi::kRsi);
            advance(abi::kRdi);
            return {};
        }
        case Operation::StringScan: {
            const auto value = load(destination(), size);
            if (!value) return std::unexpected(Raised{});
            Alu(size, state_.rflags).subtract(state_.gpr[abi::kRax], *value);
            advance(abi::kRdi);
            return {};
        }
        case Operation::StringIn: {
            // The destination is checked before the port is read: a read may change the device.
            const auto address = destination();
            if (!translate_access(address, Access::Write)) return std::unexpected(Raised{});
            if (!store(address, size, devices_.read_port(port, size))) {
                return std::unexpected(Raised{});
            }
            advance(abi::kRdi);
            return {};
        }
        default: {
            const auto value = load(source(), size);
            if (!value) return std::unexpected(Raised{});
            devices_.write_port(port, size, static_cast<std::uint32_t>(*value));
            advance(abi::kRsi);
            return {};
        }
    }
}

}  // namespace redoubt::vmmd::isa
