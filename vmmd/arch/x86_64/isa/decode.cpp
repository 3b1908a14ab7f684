// Zydis behind isa::decode.
#include <array>
#include <optional>

#include "abi/x86_64/vcpu_state.hpp"
#include "vmmd/arch/x86_64/isa/instruction.hpp"
#include "vmmd/arch/x86_64/isa/zydis_decoder.hpp"

namespace redoubt::vmmd::isa {

namespace {

Operation operation_of(ZydisMnemonic mnemonic) {
    switch (mnemonic) {
        case ZYDIS_MNEMONIC_MOV:
        case ZYDIS_MNEMONIC_MOVNTI:
            return Operation::Move;
        case ZYDIS_MNEMONIC_MOVZX:
            return Operation::MoveZero;
        case ZYDIS_MNEMONIC_MOVSX:
        case ZYDIS_MNEMONIC_MOVSXD:
            return Operation::MoveSign;
        case ZYDIS_MNEMONIC_MOVBE:
            return Operation::MoveSwapped;
        case ZYDIS_MNEMONIC_MOVUPS:
        case ZYDIS_MNEMONIC_MOVUPD:
        case ZYDIS_MNEMONIC_MOVAPS:
        case ZYDIS_MNEMONIC_MOVAPD:
        case ZYDIS_MNEMONIC_MOVDQU:
        case ZYDIS_MNEMONIC_MOVDQA:
        case ZYDIS_MNEMONIC_MOVNTPS:
        case ZYDIS_MNEMONIC_MOVNTPD:
        case ZYDIS_MNEMONIC_MOVNTDQ:
        case ZYDIS_MNEMONIC_MOVNTDQA:
        case ZYDIS_MNEMONIC_MOVD:
        case ZYDIS_MNEMONIC_MOVQ:
            return Operation::MoveVector;
        case ZYDIS_MNEMONIC_ADD:
            return Operation::Add;
        case ZYDIS_MNEMONIC_OR:
            return Operation::Or;
        case ZYDIS_MNEMONIC_ADC:
            return Operation::Adc;
        case ZYDIS_MNEMONIC_SBB:
            return Operation::Sbb;
        case ZYDIS_MNEMONIC_AND:
            return Operation::And;
        case ZYDIS_MNEMONIC_SUB:
            return Operation::Sub;
        case ZYDIS_MNEMONIC_XOR:
            return Operation::Xor;
        case ZYDIS_MNEMONIC_CMP:
            return Operation::Compare;
        case ZYDIS_MNEMONIC_TEST:
            return Operation::Test;
        case ZYDIS_MNEMONIC_INC:
            return Operation::Increment;
        case ZYDIS_MNEMONIC_DEC:
            return Operation::Decrement;
        case ZYDIS_MNEMONIC_NOT:
            return Operation::Not;
        case ZYDIS_MNEMONIC_NEG:
            return Operation::Negate;
        case ZYDIS_MNEMONIC_XCHG:
            return Operation::Exchange;
        case ZYDIS_MNEMONIC_XADD:
            return Operation::ExchangeAdd;
        case ZYDIS_MNEMONIC_CMPXCHG:
            return Operation::CompareExchange;
        case ZYDIS_MNEMONIC_BT:
            return Operation::BitTest;
        case ZYDIS_MNEMONIC_BTS:
            return Operation::BitSet;
        case ZYDIS_MNEMONIC_BTR:
            return Operation::BitReset;
        case ZYDIS_MNEMONIC_BTC:
            return Operation::BitComplement;
        case ZYDIS_MNEMONIC_IMUL:
            return Operation::Multiply;
        case ZYDIS_MNEMONIC_MOVSB:
        case ZYDIS_MNEMONIC_MOVSW:
        case ZYDIS_MNEMONIC_MOVSD:
        case ZYDIS_MNEMONIC_MOVSQ:
            return Operation::StringMove;
        case ZYDIS_MNEMONIC_STOSB:
        case ZYDIS_MNEMONIC_STOSW:
        case ZYDIS_MNEMONIC_STOSD:
        case ZYDIS_MNEMONIC_STOSQ:
            return Operation::StringStore;
        case ZYDIS_MNEMONIC_LODSB:
        case ZYDIS_MNEMONIC_LODSW:
        case ZYDIS_MNEMONIC_LODSD:
        case ZYDIS_MNEMONIC_LODSQ:
            return Operation::StringLoad;
        case ZYDIS_MNEMONIC_CMPSB:
        case ZYDIS_MNEMONIC_CMPSW:
        case ZYDIS_MNEMONIC_CMPSD:
        case ZYDIS_MNEMONIC_CMPSQ:
            return Operation::StringCompare;
        case ZYDIS_MNEMONIC_SCASB:
        case ZYDIS_MNEMONIC_SCASW:
        case ZYDIS_MNEMONIC_SCASD:
        case ZYDIS_MNEMONIC_SCASQ:
            return Operation::StringScan;
        case ZYDIS_MNEMONIC_INSB:
        case ZYDIS_MNEMONIC_INSW:
        case ZYDIS_MNEMONIC_INSD:
            return Operation::StringIn;
        case ZYDIS_MNEMONIC_OUTSB:
        case ZYDIS_MNEMONIC_OUTSW:
        case ZYDIS_MNEMONIC_OUTSD:
            return Operation::StringOut;
        case ZYDIS_MNEMONIC_CLFLUSH:
        case ZYDIS_MNEMONIC_CLFLUSHOPT:
        case ZYDIS_MNEMONIC_CLWB:
        case ZYDIS_MNEMONIC_PREFETCH:
        case ZYDIS_MNEMONIC_PREFETCHW:
        case ZYDIS_MNEMONIC_PREFETCHNTA:
        case ZYDIS_MNEMONIC_PREFETCHT0:
        case ZYDIS_MNEMONIC_PREFETCHT1:
        case ZYDIS_MNEMONIC_PREFETCHT2:
            return Operation::Nothing;
        default:
            return Operation::Unsupported;
    }
}

std::optional<std::uint8_t> segment_of(ZydisRegister segment) {
    switch (segment) {
        case ZYDIS_REGISTER_ES:
            return abi::kEs;
        case ZYDIS_REGISTER_CS:
            return abi::kCs;
        case ZYDIS_REGISTER_SS:
            return abi::kSs;
        case ZYDIS_REGISTER_DS:
            return abi::kDs;
        case ZYDIS_REGISTER_FS:
            return abi::kFs;
        case ZYDIS_REGISTER_GS:
            return abi::kGs;
        default:
            return std::nullopt;
    }
}

/// Index of a general register used in an address, or nothing for those that are none.
std::optional<std::uint8_t> address_register(ZydisRegister reg) {
    if (reg == ZYDIS_REGISTER_NONE) return kNoRegister;
    if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP) return kInstructionPointer;
    switch (ZydisRegisterGetClass(reg)) {
        case ZYDIS_REGCLASS_GPR16:
        case ZYDIS_REGCLASS_GPR32:
        case ZYDIS_REGCLASS_GPR64:
            return static_cast<std::uint8_t>(ZydisRegisterGetId(reg));
        default:
            return std::nullopt;  // vector indices
    }
}

std::optional<Operand> register_operand(ZydisRegister reg, unsigned bits) {
    const auto size = static_cast<std::uint8_t>(bits / 8);
    switch (ZydisRegisterGetClass(reg)) {
        case ZYDIS_REGCLASS_GPR8: {
            // Zydis orders AL CL DL BL AH CH DH BH SPL BPL SIL DIL R8B …
            const auto order = static_cast<std::uint8_t>(reg - ZYDIS_REGISTER_AL);
            if (order < 4) return Operand{OperandKind::Register, order, size};
            if (order < 8)
                return Operand{OperandKind::HighByte, static_cast<std::uint8_t>(order - 4), size};
            return Operand{OperandKind::Register, static_cast<std::uint8_t>(order - 4), size};
        }
        case ZYDIS_REGCLASS_GPR16:
        case ZYDIS_REGCLASS_GPR32:
        case ZYDIS_REGCLASS_GPR64:
            return Operand{OperandKind::Register,
                           static_cast<std::uint8_t>(ZydisRegisterGetId(reg)), size};
        case ZYDIS_REGCLASS_XMM:
            return Operand{OperandKind::Vector, static_cast<std::uint8_t>(ZydisRegisterGetId(reg)),
                           16};
        case ZYDIS_REGCLASS_CONTROL:
            return Operand{OperandKind::Control, static_cast<std::uint8_t>(ZydisRegisterGetId(reg)),
                           8};
        case ZYDIS_REGCLASS_DEBUG:
            return Operand{OperandKind::Debug, static_cast<std::uint8_t>(ZydisRegisterGetId(reg)),
                           8};
        default:
            return std::nullopt;
    }
}

bool is_special(const Operand& operand) {
    return operand.kind == OperandKind::Control || operand.kind == OperandKind::Debug;
}

class Converter {
  public:
    Converter(const ZydisDecodedInstruction& zydis,
              const std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT>& operands)
        : zydis_(zydis), operands_(operands) {}

    Instruction convert() {
        result_.length = zydis_.length;
        result_.address_size = static_cast<std::uint8_t>(zydis_.address_width / 8);
        result_.operation = operation_of(zydis_.mnemonic);
        // MOVSD and CMPSD are also names of SSE instructions.
        const bool vector_map = zydis_.meta.category != ZYDIS_CATEGORY_STRINGOP &&
                                zydis_.meta.category != ZYDIS_CATEGORY_IOSTRINGOP;
        if (is_string(result_.operation)) {
            if (vector_map) {
                result_.operation = Operation::Unsupported;
            } else {
                convert_string();
            }
            return result_;
        }
        find_condition();
        if (result_.operation == Operation::Unsupported ||
            zydis_.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || !convert_operands()) {
            result_.operation = Operation::Unsupported;
        }
        return result_;
    }

  private:
    static bool is_string(Operation operation) {
        return operation >= Operation::StringMove && operation <= Operation::StringOut;
    }

    void convert_string() {
        result_.repeat = (zydis_.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE |
                                               ZYDIS_ATTRIB_HAS_REPNE)) != 0;
        result_.repeat_while_not_equal = (zydis_.attributes & ZYDIS_ATTRIB_HAS_REPNE) != 0;
        const bool io =
            result_.operation == Operation::StringIn || result_.operation == Operation::StringOut;
        // I/O has no 64-bit form; REX.W is ignored there.
        auto bits = zydis_.operand_width;
        if (io && bits == 64) bits = 32;
        result_.destination.size = static_cast<std::uint8_t>(bits / 8);
        result_.segment = abi::kDs;
        for (const auto& [bit, segment] : std::initializer_list<std::pair<ZyanU64, std::uint8_t>>{
                 {ZYDIS_ATTRIB_HAS_SEGMENT_ES, abi::kEs},
                 {ZYDIS_ATTRIB_HAS_SEGMENT_CS, abi::kCs},
                 {ZYDIS_ATTRIB_HAS_SEGMENT_SS, abi::kSs},
                 {ZYDIS_ATTRIB_HAS_SEGMENT_DS, abi::kDs},
                 {ZYDIS_ATTRIB_HAS_SEGMENT_FS, abi::kFs},
                 {ZYDIS_ATTRIB_HAS_SEGMENT_GS, abi::kGs}}) {
            if ((zydis_.attributes & bit) != 0) result_.segment = segment;
        }
    }

    void find_condition() {
        if (zydis_.opcode_map != ZYDIS_OPCODE_MAP_0F) return;
        if (zydis_.meta.category == ZYDIS_CATEGORY_CMOV) {
            result_.operation = Operation::ConditionalMove;
            result_.condition = zydis_.opcode & 0xF;
        } else if (zydis_.meta.category == ZYDIS_CATEGORY_SETCC) {
            result_.operation = Operation::ConditionalSet;
            result_.condition = zydis_.opcode & 0xF;
        }
    }

    bool convert_operands() {
        if (result_.operation == Operation::Nothing) return true;
        // Of IMUL's forms only the one with two operands may be emulated: the others have an
        // immediate or implicit results.
        if (result_.operation == Operation::Multiply && zydis_.operand_count_visible != 2)
            return false;
        if (zydis_.operand_count_visible < 1 || zydis_.operand_count_visible > 2) return false;
        if (!convert_operand(operands_[0], result_.destination)) return false;
        if (zydis_.operand_count_visible == 2 && !convert_operand(operands_[1], result_.source)) {
            return false;
        }
        if (result_.operation == Operation::Move) {
            if (is_special(result_.destination)) result_.operation = Operation::ControlWrite;
            if (is_special(result_.source)) result_.operation = Operation::ControlRead;
        }
        // An MMX register has been refused above. What has no memory operand does not exit.
        if (result_.operation == Operation::MoveVector) {
            const auto to = result_.destination.kind, from = result_.source.kind;
            return (to == OperandKind::Vector && from == OperandKind::Memory) ||
                   (to == OperandKind::Memory && from == OperandKind::Vector);
        }
        return true;
    }

    bool convert_operand(const ZydisDecodedOperand& operand, Operand& into) {
        into.size = static_cast<std::uint8_t>(operand.size / 8);
        switch (operand.type) {
            case ZYDIS_OPERAND_TYPE_REGISTER: {
                const auto converted = register_operand(operand.reg.value, operand.size);
                if (!converted) return false;
                into = *converted;
                return true;
            }
            case ZYDIS_OPERAND_TYPE_IMMEDIATE:
                into.kind = OperandKind::Immediate;
                result_.immediate = operand.imm.value.u;
                return true;
            case ZYDIS_OPERAND_TYPE_MEMORY: {
                const auto segment = segment_of(operand.mem.segment);
                const auto base = address_register(operand.mem.base);
                const auto index = address_register(operand.mem.index);
                if (!segment || !base || !index || operand.size > 128) return false;
                into.kind = OperandKind::Memory;
                result_.segment = *segment;
                result_.base = *base;
                result_.index = *index;
                result_.scale = operand.mem.scale == 0 ? 1 : operand.mem.scale;
                result_.displacement =
                    operand.mem.disp.has_displacement ? operand.mem.disp.value : 0;
                return true;
            }
            default:
                return false;
        }
    }

    const ZydisDecodedInstruction& zydis_;
    const std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT>& operands_;
    Instruction result_;
};

}  // namespace

std::expected<Instruction, std::string> decode(std::span<const std::uint8_t> bytes, CodeMode mode) {
    const auto decoder = make_decoder(mode);
    ZydisDecodedInstruction instruction;
    std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes.data(), bytes.size(), &instruction,
                                             operands.data()))) {
        return std::unexpected("bytes that are no instruction");
    }
    auto result = Converter(instruction, operands).convert();
    if (result.operation == Operation::Unsupported) {
        return std::unexpected(std::string(ZydisMnemonicGetString(instruction.mnemonic)));
    }
    return result;
}

}  // namespace redoubt::vmmd::isa
