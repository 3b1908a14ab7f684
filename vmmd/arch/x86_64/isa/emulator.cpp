// The emulator: fetching, addressing, loads and stores, and the instructions that are not strings.
#include "vmmd/arch/x86_64/isa/emulator.hpp"

#include <algorithm>
#include <cstring>

#include "vmmd/arch/x86_64/isa/alu.hpp"
#include "vmmd/arch/x86_64/isa/code_mode.hpp"

namespace redoubt::vmmd::isa {

namespace {

using hvcall::GuestPhysicalAddress;

constexpr std::uint64_t kPageMask = ~std::uint64_t{0xFFF};
constexpr std::uint64_t kNoPage = ~std::uint64_t{0};
constexpr unsigned kInvalidOpcode = 6;
constexpr unsigned kPageFaultVector = 14;

bool is_string(Operation operation) {
    return operation >= Operation::StringMove && operation <= Operation::StringOut;
}

}  // namespace

Emulator::Emulator(hvcall::Vcpu& vcpu, const hvcall::GuestMemory& memory, DeviceAccess& devices)
    : vcpu_(vcpu), state_(vcpu.state()), memory_(memory), devices_(devices) {}

// -- the instruction

Emulator::CodeContext Emulator::code_context() const {
    return {state_.rip, state_.cs_base, state_.cr0,           state_.cr3,
            state_.cr4, state_.efer,    state_.cs_attributes, state_.cpl};
}

/// The bytes at rip, up to 15; fewer at the end of what is mapped. A copy: another processor of
/// the guest may change them meanwhile.
Emulator::Fetched Emulator::fetch(Evidence& evidence) {
    Fetched fetched;
    const auto take = [&](std::span<const std::uint8_t> bytes) {
        std::ranges::copy(bytes, fetched.bytes.begin() + static_cast<std::ptrdiff_t>(fetched.size));
        fetched.size += bytes.size();
    };
    evidence.begin();
    if (state_.exit.instruction_length != 0) {
        evidence.give_up();
        take({state_.exit.instruction, std::min<std::size_t>(state_.exit.instruction_length,
                                                             sizeof state_.exit.instruction)});
        return fetched;
    }
    const auto start =
        in_64bit_mode(state_) ? state_.rip : (state_.cs_base + state_.rip) & 0xFFFF'FFFF;
    const auto first = translate(state_, memory_, start, Access::Fetch, &evidence);
    if (!first) return fetched;
    const auto in_page = std::min<std::size_t>(fetched.bytes.size(), 4096 - (start & 0xFFF));
    take(memory_.at(GuestPhysicalAddress{*first}, in_page));
    fetched.address = *first;
    fetched.in_page = fetched.size;
    if (fetched.size == 0 || fetched.size == fetched.bytes.size()) return fetched;
    const auto second = translate(state_, memory_, start + in_page, Access::Fetch);
    if (second) take(memory_.at(GuestPhysicalAddress{*second}, fetched.bytes.size() - in_page));
    return fetched;
}

/// The decoded instruction at rip. A cached one is used only if walking the page tables and reading
/// the code would give the same, so that neither of them needs invalidation.
std::expected<const Instruction*, std::string> Emulator::current() {
    auto& entry = cache_[(state_.rip ^ state_.rip >> 6) % cache_.size()];
    const bool told = state_.exit.instruction_length != 0;
    if (told || entry.context != code_context() || !entry.evidence.holds()) [[unlikely]] {
        if (auto done = learn(entry); !done) return std::unexpected(std::move(done.error()));
    }
    return &entry.instruction;
}

/// Fetches, and decodes bytes that the entry does not have.
std::expected<void, std::string> Emulator::learn(CacheEntry& entry) {
    const auto fetched = fetch(entry.evidence);
    const auto bytes = std::span(fetched.bytes).first(fetched.size);
    if (bytes.empty()) {
        entry.evidence.give_up();
        return std::unexpected("an instruction that cannot be read");
    }
    const auto mode = code_mode(state_);
    const auto is_known = [&] {
        const auto length = entry.instruction.length;
        return length != 0 && entry.mode == mode && length <= bytes.size() &&
               std::memcmp(entry.bytes.data(), bytes.data(), length) == 0;
    };
    if (!is_known()) {
        auto decoded = decode(bytes, mode);
        if (!decoded) {
            entry.evidence.give_up();
            return std::unexpected(std::move(decoded.error()));
        }
        entry.mode = mode;
        entry.bytes = fetched.bytes;
        entry.instruction = *decoded;
    }
    entry.context = code_context();
    const std::size_t length = entry.instruction.length;
    if (length > fetched.in_page) {
        entry.evidence.give_up();  // rests on a second translation
    } else {
        entry.evidence.add(memory_, fetched.address, bytes.first(length));
    }
    return {};
}

unsigned Emulator::instruction_length() {
    const auto instruction = current();
    return instruction ? (*instruction)->length : 0;
}

std::expected<Emulator::ControlAccess, std::string> Emulator::decode_control_access() {
    const auto found = current();
    if (!found) return std::unexpected(found.error());
    const auto& i = **found;
    if (i.operation != Operation::ControlWrite && i.operation != Operation::ControlRead) {
        return std::unexpected("no move of a control or debug register");
    }
    const bool write = i.operation == Operation::ControlWrite;
    return ControlAccess{(write ? i.destination : i.source).index,
                         (write ? i.source : i.destination).index, i.length};
}

void Emulator::skip(unsigned length) {
    state_.rip += length;
    const auto mode = code_mode(state_);
    if (mode != CodeMode::Long64)
        state_.rip &= mode == CodeMode::Protected32 ? 0xFFFF'FFFF : 0xFFFF;
    state_.interruptibility &= ~abi::kInterruptShadow;
}

// -- exceptions

void Emulator::raise(unsigned vector) {
    state_.inject = abi::EventInjection::kValid | abi::EventInjection::kException | vector;
}
void Emulator::raise(unsigned vector, std::uint32_t error_code) {
    state_.inject = abi::EventInjection::kValid | abi::EventInjection::kException |
                    abi::EventInjection::kErrorCodeValid | vector |
                    static_cast<std::uint64_t>(error_code) << abi::EventInjection::kErrorCodeShift;
}

std::unexpected<Emulator::Raised> Emulator::page_fault(const PageFault& fault) {
    state_.cr2 = fault.address;
    hvcall::mark_dirty(state_, abi::RegisterGroup::Control);
    raise(kPageFaultVector, fault.error_code);
    return std::unexpected(Raised{});
}

// -- memory

const abi::SegmentRegister& Emulator::segment(unsigned index) {
    if (!segments_valid_) {
        vcpu_.get_state(abi::RegisterGroup::Segments);
        segments_valid_ = true;
    }
    return state_.segments[index];
}

std::uint64_t Emulator::linear_address(unsigned segment_index, std::uint64_t offset) {
    if (in_64bit_mode(state_)) {
        const bool has_base = segment_index == abi::kFs || segment_index == abi::kGs;
        return has_base ? segment(segment_index).base + offset : offset;
    }
    const auto base = segment_index == abi::kCs   ? state_.cs_base
                      : segment_index == abi::kSs ? state_.ss_base
                                                  : segment(segment_index).base;
    return (base + offset) & 0xFFFF'FFFF;
}

std::uint64_t Emulator::effective_address(const Instruction& i, std::int64_t extra) {
    const auto value_of = [&](std::uint8_t reg) -> std::uint64_t {
        if (reg == kNoRegister) return 0;
        if (reg == kInstructionPointer) return state_.rip + i.length;
        return state_.gpr[reg];
    };
    const auto offset = value_of(i.base) + value_of(i.index) * i.scale +
                        static_cast<std::uint64_t>(i.displacement + extra);
    return linear_address(i.segment, offset & size_mask(i.address_size));
}

Emulator::Outcome<std::uint64_t> Emulator::translate_access(std::uint64_t linear, Access access) {
    if ((linear & kPageMask) == known_linear_page_ &&
        (access != Access::Write || known_writable_)) {
        return known_physical_page_ | (linear & ~kPageMask);
    }
    const auto physical = translate(state_, memory_, linear, access);
    if (!physical) return page_fault(physical.error());
    return *physical;
}

/// Where the memory operand is. An MMIO exit tells the physical address only: if the instruction
/// has one memory operand, that is it, and the walk need not be repeated; a page offset that
/// differs means that the access crosses a page's end.
void Emulator::find_memory_operand(const Instruction& i) {
    known_linear_page_ = kNoPage;
    if (i.destination.kind != OperandKind::Memory && i.source.kind != OperandKind::Memory) return;
    operand_address_ = effective_address(i);
    if (state_.exit.kind != abi::ExitKind::Mmio) return;
    if (((operand_address_ ^ state_.exit.info1) & ~kPageMask) != 0) return;
    known_linear_page_ = operand_address_ & kPageMask;
    known_physical_page_ = state_.exit.info1 & kPageMask;
    known_writable_ = (state_.exit.detail & abi::MmioDetail::kWrite) != 0;
}

Emulator::Outcome<void> Emulator::load_bytes(std::uint64_t linear, std::span<std::uint8_t> data) {
    while (!data.empty()) {
        const auto physical = translate_access(linear, Access::Read);
        if (!physical) return std::unexpected(Raised{});
        const auto piece = std::min<std::size_t>(data.size(), 4096 - (linear & 0xFFF));
        const auto bytes = memory_.at(GuestPhysicalAddress{*physical}, piece);
        if (bytes.empty()) {
            devices_.read_memory(*physical, data.first(piece));
        } else {
            std::memcpy(data.data(), bytes.data(), piece);
        }
        data = data.subspan(piece);
        linear += piece;
    }
    return {};
}

void Emulator::put(std::uint64_t physical, std::span<const std::uint8_t> data) {
    const auto bytes = memory_.at(GuestPhysicalAddress{physical}, data.size());
    if (bytes.empty()) {
        devices_.write_memory(physical, data);
    } else {
        std::memcpy(bytes.data(), data.data(), data.size());
    }
}

Emulator::Outcome<void> Emulator::store_bytes(std::uint64_t linear,
                                              std::span<const std::uint8_t> data) {
    const auto in_page = std::min<std::size_t>(data.size(), 4096 - (linear & 0xFFF));
    const auto first = translate_access(linear, Access::Write);
    if (!first) return std::unexpected(Raised{});
    if (in_page < data.size()) [[unlikely]] {
        // Both pages must be writable before anything is written.
        const auto second = translate_access(linear + in_page, Access::Write);
        if (!second) return std::unexpected(Raised{});
        put(*first, data.first(in_page));
        put(*second, data.subspan(in_page));
    } else {
        put(*first, data);
    }
    return {};
}

Emulator::Outcome<std::uint64_t> Emulator::load(std::uint64_t linear, unsigned size) {
    std::array<std::uint8_t, 8> data{};
    if (const auto done = load_bytes(linear, std::span(data).first(size)); !done) {
        return std::unexpected(Raised{});
    }
    std::uint64_t value;
    std::memcpy(&value, data.data(), sizeof value);
    return value;
}

Emulator::Outcome<void> Emulator::store(std::uint64_t linear, unsigned size, std::uint64_t value) {
    std::array<std::uint8_t, 8> data;
    std::memcpy(data.data(), &value, sizeof value);
    return store_bytes(linear, std::span(data).first(size));
}

// -- operands

std::uint64_t Emulator::read_register(const Operand& operand) const {
    if (operand.kind == OperandKind::HighByte) return state_.gpr[operand.index] >> 8 & 0xFF;
    return state_.gpr[operand.index] & size_mask(operand.size);
}

void Emulator::write_register(const Operand& operand, std::uint64_t value) {
    auto& reg = state_.gpr[operand.index];
    if (operand.kind == OperandKind::HighByte) {
        reg = (reg & ~std::uint64_t{0xFF00}) | (value & 0xFF) << 8;
    } else if (operand.size >= 4) {
        reg = value & size_mask(operand.size);  // 32-bit results clear the upper half
    } else {
        reg = (reg & ~size_mask(operand.size)) | (value & size_mask(operand.size));
    }
}

Emulator::Outcome<std::uint64_t> Emulator::read_operand(const Instruction& i,
                                                        const Operand& operand) {
    switch (operand.kind) {
        case OperandKind::Memory:
            return load(operand_address_, operand.size);
        case OperandKind::Immediate:
            return i.immediate;
        default:
            return read_register(operand);
    }
}

Emulator::Outcome<void> Emulator::write_operand(const Operand& operand, std::uint64_t value) {
    if (operand.kind == OperandKind::Memory) {
        return store(operand_address_, operand.size, value);
    }
    write_register(operand, value);
    return {};
}

// -- execution

std::expected<void, std::string> Emulator::execute() {
    segments_valid_ = false;
    const auto found = current();
    if (!found) return std::unexpected(found.error());
    const auto& instruction = **found;
    find_memory_operand(instruction);
    if (is_string(instruction.operation)) {
        const auto finished = string(instruction);
        if (finished && *finished) skip(instruction.length);
        return {};
    }
    if (instruction.operation == Operation::ControlWrite ||
        instruction.operation == Operation::ControlRead) {
        return std::unexpected("a move of a control register");
    }
    if (execute_one(instruction)) skip(instruction.length);
    return {};
}

Emulator::Outcome<void> Emulator::execute_one(const Instruction& i) {
    switch (i.operation) {
        case Operation::Move: {
            const auto value = read_operand(i, i.source);
            if (!value) return std::unexpected(Raised{});
            return write_operand(i.destination, *value);
        }
        case Operation::MoveZero:
        case Operation::MoveSign: {
            const auto value = read_operand(i, i.source);
            if (!value) return std::unexpected(Raised{});
            const bool sign = i.operation == Operation::MoveSign;
            write_register(i.destination, sign ? sign_extend(*value, i.source.size)
                                               : *value & size_mask(i.source.size));
            return {};
        }
        case Operation::MoveSwapped: {
            const auto value = read_operand(i, i.source);
            if (!value) return std::unexpected(Raised{});
            return write_operand(i.destination,
                                 __builtin_bswap64(*value) >> (64 - 8 * i.source.size));
        }
        case Operation::MoveVector:
            return move_vector(i);
        case Operation::Exchange:
        case Operation::ExchangeAdd:
        case Operation::CompareExchange:
            return exchange(i);
        case Operation::BitTest:
        case Operation::BitSet:
        case Operation::BitReset:
        case Operation::BitComplement:
            return bit_operation(i);
        case Operation::ConditionalMove: {
            // The load happens whether or not the condition holds.
            const auto value = read_operand(i, i.source);
            if (!value) return std::unexpected(Raised{});
            const bool holds = condition_holds(i.condition, state_.rflags);
            write_register(i.destination, holds ? *value : read_register(i.destination));
            return {};
        }
        case Operation::ConditionalSet:
            return write_operand(i.destination, condition_holds(i.condition, state_.rflags));
        case Operation::Nothing:
            return {};
        default:
            return arithmetic(i);
    }
}

Emulator::Outcome<void> Emulator::arithmetic(const Instruction& i) {
    const auto size = i.destination.size;
    std::uint64_t right = 0;
    if (i.source.kind != OperandKind::None) {
        const auto value = read_operand(i, i.source);
        if (!value) return std::unexpected(Raised{});
        right = *value;
    }
    const auto left = read_operand(i, i.destination);
    if (!left) return std::unexpected(Raised{});
    auto flags = state_.rflags;
    const bool carry = (flags & rflags::kCarry) != 0;
    Alu alu(size, flags);
    std::uint64_t result = 0;
    bool writes = true;
    switch (i.operation) {
        case Operation::Add:
            result = alu.add(*left, right);
            break;
        case Operation::Adc:
            result = alu.add(*left, right, carry);
            break;
        case Operation::Sub:
            result = alu.subtract(*left, right);
            break;
        case Operation::Sbb:
            result = alu.subtract(*left, right, carry);
            break;
        case Operation::Compare:
            alu.subtract(*left, right);
            writes = false;
            break;
        case Operation::And:
            result = alu.logic(*left & right);
            break;
        case Operation::Or:
            result = alu.logic(*left | right);
            break;
        case Operation::Xor:
            result = alu.logic(*left ^ right);
            break;
        case Operation::Test:
            alu.logic(*left & right);
            writes = false;
            break;
        case Operation::Increment:
            result = alu.increment(*left);
            break;
        case Operation::Decrement:
            result = alu.decrement(*left);
            break;
        case Operation::Not:
            result = ~*left;
            break;
        case Operation::Negate:
            result = alu.subtract(0, *left);
            break;
        case Operation::Multiply:
            result = alu.multiply_signed(*left, right);
            break;
        default:
            raise(kInvalidOpcode);
            return std::unexpected(Raised{});
    }
    if (writes) {
        if (const auto done = write_operand(i.destination, result & size_mask(size)); !done) {
            return done;
        }
    }
    state_.rflags = flags;
    return {};
}

Emulator::Outcome<void> Emulator::exchange(const Instruction& i) {
    const auto size = i.destination.size;
    const auto left = read_operand(i, i.destination);
    if (!left) return std::unexpected(Raised{});
    const auto right = read_operand(i, i.source);
    if (!right) return std::unexpected(Raised{});
    auto flags = state_.rflags;
    Alu alu(size, flags);
    const Operand accumulator{OperandKind::Register, abi::kRax, size};
    switch (i.operation) {
        case Operation::CompareExchange: {
            alu.subtract(read_register(accumulator), *left);
            const bool equal = (flags & rflags::kZero) != 0;
            // The destination is written in any case (APM vol. 3).
            if (const auto done = write_operand(i.destination, equal ? *right : *left); !done) {
                return done;
            }
            if (!equal) write_register(accumulator, *left);
            break;
        }
        case Operation::ExchangeAdd: {
            const auto sum = alu.add(*left, *right);
            if (const auto done = write_operand(i.destination, sum); !done) return done;
            write_register(i.source, *left);
            break;
        }
        default: {
            // Either operand may be the one in memory; memory first, as only that can fault.
            const bool memory_first = i.destination.kind == OperandKind::Memory;
            const auto& first = memory_first ? i.destination : i.source;
            const auto& second = memory_first ? i.source : i.destination;
            if (const auto done = write_operand(first, memory_first ? *right : *left); !done) {
                return done;
            }
            return write_operand(second, memory_first ? *left : *right);
        }
    }
    state_.rflags = flags;
    return {};
}

Emulator::Outcome<void> Emulator::bit_operation(const Instruction& i) {
    const auto bits = 8U * i.destination.size;
    std::uint64_t position = i.immediate;
    std::int64_t displacement = 0;
    if (i.source.kind != OperandKind::Immediate) {
        // A register as bit offset reaches beyond the operand: it is a bit string in memory.
        const auto offset =
            static_cast<std::int64_t>(sign_extend(read_register(i.source), i.source.size));
        position = static_cast<std::uint64_t>(offset);
        const auto shift = std::countr_zero(bits);
        displacement = (offset >> shift) * static_cast<std::int64_t>(i.destination.size);
    }
    position %= bits;
    const auto address = effective_address(i, displacement);
    const auto value = load(address, i.destination.size);
    if (!value) return std::unexpected(Raised{});
    const auto bit = std::uint64_t{1} << position;
    std::uint64_t result = *value;
    switch (i.operation) {
        case Operation::BitSet:
            result |= bit;
            break;
        case Operation::BitReset:
            result &= ~bit;
            break;
        case Operation::BitComplement:
            result ^= bit;
            break;
        default:
            break;
    }
    if (i.operation != Operation::BitTest) {
        if (const auto done = store(address, i.destination.size, result); !done) return done;
    }
    Alu(i.destination.size, state_.rflags).set_carry((*value & bit) != 0);
    return {};
}

// SSE moves: the registers are in the XSAVE area's legacy part, at 160 + 16 n (APM vol. 2 11.4.4).
Emulator::Outcome<void> Emulator::move_vector(const Instruction& i) {
    vcpu_.get_state(abi::RegisterGroup::Fpu);
    constexpr std::size_t kXmmOffset = 160;
    constexpr std::size_t kXstateBvOffset = 512;
    constexpr std::uint64_t kSseState = 2;
    if (i.destination.kind == OperandKind::Memory) {
        const auto* reg = state_.xsave_area + kXmmOffset + 16U * i.source.index;
        return store_bytes(operand_address_, {reg, i.destination.size});
    }
    std::array<std::uint8_t, 16> value{};
    if (const auto done = load_bytes(operand_address_, std::span(value).first(i.source.size));
        !done) {
        return done;
    }
    std::memcpy(state_.xsave_area + kXmmOffset + 16U * i.destination.index, value.data(), 16);
    state_.xsave_area[kXstateBvOffset] |= kSseState;
    hvcall::mark_dirty(state_, abi::RegisterGroup::Fpu);
    return {};
}

}  // namespace redoubt::vmmd::isa
