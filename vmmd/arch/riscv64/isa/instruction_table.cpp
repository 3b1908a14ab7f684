// RV64GC's instructions (Unprivileged Specification 20191213, chapter 24), those of supervisors and
// hypervisors (Privileged Specification 1.12), and the names that assemblers give to special cases
// of them.
#include "vmmd/arch/riscv64/isa/instruction_table.hpp"

#include <array>

#include "vmmd/arch/riscv64/isa/opcode.hpp"

namespace redoubt::vmmd::isa {

namespace {

// Fields that an instruction or an alias fixes.
constexpr std::uint32_t kOpcodeMask = 0x7F, kRdMask = 31U << 7, kFunct3Mask = 7U << 12,
                        kRs1Mask = 31U << 15, kRs2Mask = 31U << 20, kFunct7Mask = 127U << 25,
                        kImmediateMask = 0xFFFU << 20, kAll = ~0U;

using Row = InstructionName;

/// Opcode alone, and with funct3, and with funct7 or what is in its place.
constexpr Row u(Opcode opcode, const char* name, const char* operands) {
    return {kOpcodeMask, opcode, name, operands};
}
constexpr Row i(Opcode opcode, std::uint32_t funct3, const char* name, const char* operands) {
    return {kOpcodeMask | kFunct3Mask, opcode | funct3 << 12, name, operands};
}
constexpr Row r(Opcode opcode, std::uint32_t funct3, std::uint32_t funct7, const char* name,
                const char* operands = "d,s,t") {
    return {kOpcodeMask | kFunct3Mask | kFunct7Mask, opcode | funct3 << 12 | funct7 << 25, name,
            operands};
}
/// A shift by six bits.
constexpr Row shift(std::uint32_t funct3, std::uint32_t funct6, const char* name) {
    return {kOpcodeMask | kFunct3Mask | 63U << 26, kOpImm | funct3 << 12 | funct6 << 26, name,
            "d,s,>"};
}
/// Floating point: with a rounding mode, or with funct3, or with rs2 as well.
constexpr Row f(std::uint32_t funct7, const char* name, const char* operands = "D,S,Tm") {
    return {kOpcodeMask | kFunct7Mask, kOpFp | funct7 << 25, name, operands};
}
constexpr Row f3(std::uint32_t funct7, std::uint32_t funct3, const char* name,
                 const char* operands = "D,S,T") {
    return r(kOpFp, funct3, funct7, name, operands);
}
constexpr Row convert(std::uint32_t funct7, std::uint32_t rs2, const char* name,
                      const char* operands) {
    return {kOpcodeMask | kFunct7Mask | kRs2Mask, kOpFp | funct7 << 25 | rs2 << 20, name, operands};
}
/// One that is never inexact is printed without a rounding mode if that is 0, as it usually is.
constexpr Row exact(Row row, std::uint32_t funct3 = 0) {
    return {row.mask | kFunct3Mask, row.match | funct3 << 12, row.name, row.operands};
}
constexpr Row fused(Opcode opcode, std::uint32_t format, const char* name) {
    return {kOpcodeMask | 3U << 25, opcode | format << 25, name, "D,S,T,Rm"};
}
/// With its bits for acquire and release.
constexpr Row amo(std::uint32_t funct5, std::uint32_t ordering, std::uint32_t width,
                  const char* name, const char* operands = "d,t,(s)") {
    return r(kAmo, width, funct5 << 2 | ordering, name, operands);
}
/// A special case, in which some field is 0, or `match` says what it is.
constexpr Row zero(std::uint32_t mask, Row row, std::uint32_t match = 0) {
    return {row.mask | mask, row.match | match, row.name, row.operands};
}
constexpr std::uint32_t rd(std::uint32_t number) { return number << 7; }
constexpr std::uint32_t rs1(std::uint32_t number) { return number << 15; }
constexpr std::uint32_t upper(std::uint32_t value) { return value << 20; }
constexpr Row whole(std::uint32_t instruction, const char* name) {
    return {kAll, instruction, name, ""};
}
/// CSR `number`, read or written alone.
constexpr Row csr(std::uint32_t mask, std::uint32_t funct3, std::uint32_t number, const char* name,
                  const char* operands) {
    return zero(mask | kImmediateMask, i(kSystem, funct3, name, operands), upper(number));
}
constexpr Row hypervisor_load(std::uint32_t funct7, std::uint32_t kind, const char* name) {
    return zero(kRs2Mask, r(kSystem, 4, funct7, name, "d,(s)"), upper(kind));
}
constexpr Row hypervisor_store(std::uint32_t funct7, const char* name) {
    return zero(kRdMask, r(kSystem, 4, funct7, name, "t,(s)"));
}
constexpr Row supervisor_fence(std::uint32_t funct7, const char* name,
                               const char* operands = "s,t") {
    return zero(kRdMask, r(kSystem, 0, funct7, name, operands));
}

/// An atomic operation on words and doublewords, in every order.
#define REDOUBT_AMO(funct5, name)                                           \
    amo(funct5, 0, 2, name ".w"), amo(funct5, 1, 2, name ".w.rl"),          \
        amo(funct5, 2, 2, name ".w.aq"), amo(funct5, 3, 2, name ".w.aqrl"), \
        amo(funct5, 0, 3, name ".d"), amo(funct5, 1, 3, name ".d.rl"),      \
        amo(funct5, 2, 3, name ".d.aq"), amo(funct5, 3, 3, name ".d.aqrl")
#define REDOUBT_LR(ordering, suffix)                             \
    zero(kRs2Mask, amo(2, ordering, 2, "lr.w" suffix, "d,(s)")), \
        zero(kRs2Mask, amo(2, ordering, 3, "lr.d" suffix, "d,(s)"))

constexpr auto kNames = std::to_array<Row>({
    // -- integers
    whole(0x0000'0013, "nop"),
    zero(kRs1Mask, i(kOpImm, 0, "li", "d,j")),
    zero(kImmediateMask, i(kOpImm, 0, "mv", "d,s")),
    i(kOpImm, 0, "addi", "d,s,j"),
    i(kOpImm, 2, "slti", "d,s,j"),
    zero(kImmediateMask, i(kOpImm, 3, "seqz", "d,s"), upper(1)),
    i(kOpImm, 3, "sltiu", "d,s,j"),
    zero(kImmediateMask, i(kOpImm, 4, "not", "d,s"), upper(0xFFF)),
    i(kOpImm, 4, "xori", "d,s,j"),
    i(kOpImm, 6, "ori", "d,s,j"),
    zero(kImmediateMask, i(kOpImm, 7, "zext.b", "d,s"), upper(0xFF)),
    i(kOpImm, 7, "andi", "d,s,j"),
    shift(1, 0x00, "slli"),
    shift(5, 0x00, "srli"),
    shift(5, 0x10, "srai"),
    u(kLui, "lui", "d,u"),
    u(kAuipc, "auipc", "d,u"),
    r(kOp, 0, 0x00, "add"),
    zero(kRs1Mask, r(kOp, 0, 0x20, "neg", "d,t")),
    r(kOp, 0, 0x20, "sub"),
    r(kOp, 1, 0x00, "sll"),
    zero(kRs2Mask, r(kOp, 2, 0x00, "sltz", "d,s")),
    zero(kRs1Mask, r(kOp, 2, 0x00, "sgtz", "d,t")),
    r(kOp, 2, 0x00, "slt"),
    zero(kRs1Mask, r(kOp, 3, 0x00, "snez", "d,t")),
    r(kOp, 3, 0x00, "sltu"),
    r(kOp, 4, 0x00, "xor"),
    r(kOp, 5, 0x00, "srl"),
    r(kOp, 5, 0x20, "sra"),
    r(kOp, 6, 0x00, "or"),
    r(kOp, 7, 0x00, "and"),
    zero(kImmediateMask, i(kOpImm32, 0, "sext.w", "d,s")),
    i(kOpImm32, 0, "addiw", "d,s,j"),
    r(kOpImm32, 1, 0x00, "slliw", "d,s,<"),
    r(kOpImm32, 5, 0x00, "srliw", "d,s,<"),
    r(kOpImm32, 5, 0x20, "sraiw", "d,s,<"),
    r(kOp32, 0, 0x00, "addw"),
    zero(kRs1Mask, r(kOp32, 0, 0x20, "negw", "d,t")),
    r(kOp32, 0, 0x20, "subw"),
    r(kOp32, 1, 0x00, "sllw"),
    r(kOp32, 5, 0x00, "srlw"),
    r(kOp32, 5, 0x20, "sraw"),
    r(kOp, 0, 0x01, "mul"),
    r(kOp, 1, 0x01, "mulh"),
    r(kOp, 2, 0x01, "mulhsu"),
    r(kOp, 3, 0x01, "mulhu"),
    r(kOp, 4, 0x01, "div"),
    r(kOp, 5, 0x01, "divu"),
    r(kOp, 6, 0x01, "rem"),
    r(kOp, 7, 0x01, "remu"),
    r(kOp32, 0, 0x01, "mulw"),
    r(kOp32, 4, 0x01, "divw"),
    r(kOp32, 5, 0x01, "divuw"),
    r(kOp32, 6, 0x01, "remw"),
    r(kOp32, 7, 0x01, "remuw"),

    // -- memory
    i(kLoad, 0, "lb", "d,o"),
    i(kLoad, 1, "lh", "d,o"),
    i(kLoad, 2, "lw", "d,o"),
    i(kLoad, 3, "ld", "d,o"),
    i(kLoad, 4, "lbu", "d,o"),
    i(kLoad, 5, "lhu", "d,o"),
    i(kLoad, 6, "lwu", "d,o"),
    i(kStore, 0, "sb", "t,q"),
    i(kStore, 1, "sh", "t,q"),
    i(kStore, 2, "sw", "t,q"),
    i(kStore, 3, "sd", "t,q"),
    i(kLoadFp, 2, "flw", "D,o"),
    i(kLoadFp, 3, "fld", "D,o"),
    i(kStoreFp, 2, "fsw", "T,q"),
    i(kStoreFp, 3, "fsd", "T,q"),
    whole(0x0FF0'000F, "fence"),
    whole(0x8330'000F, "fence.tso"),
    whole(0x0100'000F, "pause"),
    whole(0x0000'100F, "fence.i"),
    zero(kRdMask | kRs1Mask | 15U << 28, i(kMiscMem, 0, "fence", "P,Q")),
    REDOUBT_LR(0, ""),
    REDOUBT_LR(1, ".rl"),
    REDOUBT_LR(2, ".aq"),
    REDOUBT_LR(3, ".aqrl"),
    REDOUBT_AMO(0x03, "sc"),
    REDOUBT_AMO(0x01, "amoswap"),
    REDOUBT_AMO(0x00, "amoadd"),
    REDOUBT_AMO(0x04, "amoxor"),
    REDOUBT_AMO(0x0C, "amoand"),
    REDOUBT_AMO(0x08, "amoor"),
    REDOUBT_AMO(0x10, "amomin"),
    REDOUBT_AMO(0x14, "amomax"),
    REDOUBT_AMO(0x18, "amominu"),
    REDOUBT_AMO(0x1C, "amomaxu"),

    // -- jumps
    zero(kRdMask, u(kJal, "j", "a")),
    zero(kRdMask, u(kJal, "jal", "a"), rd(1)),
    u(kJal, "jal", "d,a"),
    whole(0x0000'8067, "ret"),
    zero(kRdMask | kImmediateMask, i(kJalr, 0, "jr", "s")),
    zero(kRdMask, i(kJalr, 0, "jr", "o")),
    zero(kRdMask | kImmediateMask, i(kJalr, 0, "jalr", "s"), rd(1)),
    zero(kRdMask, i(kJalr, 0, "jalr", "o"), rd(1)),
    zero(kImmediateMask, i(kJalr, 0, "jalr", "d,s")),
    i(kJalr, 0, "jalr", "d,o"),
    zero(kRs2Mask, i(kBranch, 0, "beqz", "s,p")),
    i(kBranch, 0, "beq", "s,t,p"),
    zero(kRs2Mask, i(kBranch, 1, "bnez", "s,p")),
    i(kBranch, 1, "bne", "s,t,p"),
    zero(kRs2Mask, i(kBranch, 4, "bltz", "s,p")),
    zero(kRs1Mask, i(kBranch, 4, "bgtz", "t,p")),
    i(kBranch, 4, "blt", "s,t,p"),
    zero(kRs1Mask, i(kBranch, 5, "blez", "t,p")),
    zero(kRs2Mask, i(kBranch, 5, "bgez", "s,p")),
    i(kBranch, 5, "bge", "s,t,p"),
    i(kBranch, 6, "bltu", "s,t,p"),
    i(kBranch, 7, "bgeu", "s,t,p"),

    // -- system
    whole(0x0000'0073, "ecall"),
    whole(0x0010'0073, "ebreak"),
    whole(0x1020'0073, "sret"),
    whole(0x3020'0073, "mret"),
    whole(0x1050'0073, "wfi"),
    whole(0xC000'1073, "unimp"),
    zero(kRs1Mask | kRs2Mask, supervisor_fence(0x09, "sfence.vma", "")),
    zero(kRs2Mask, supervisor_fence(0x09, "sfence.vma", "s")),
    supervisor_fence(0x09, "sfence.vma"),
    supervisor_fence(0x0B, "sinval.vma"),
    whole(0x1800'0073, "sfence.w.inval"),
    whole(0x1810'0073, "sfence.inval.ir"),
    zero(kRs1Mask | kRs2Mask, supervisor_fence(0x11, "hfence.vvma", "")),
    zero(kRs2Mask, supervisor_fence(0x11, "hfence.vvma", "s")),
    supervisor_fence(0x11, "hfence.vvma"),
    zero(kRs1Mask | kRs2Mask, supervisor_fence(0x31, "hfence.gvma", "")),
    zero(kRs2Mask, supervisor_fence(0x31, "hfence.gvma", "s")),
    supervisor_fence(0x31, "hfence.gvma"),
    supervisor_fence(0x13, "hinval.vvma"),
    supervisor_fence(0x33, "hinval.gvma"),
    hypervisor_load(0x30, 0, "hlv.b"),
    hypervisor_load(0x30, 1, "hlv.bu"),
    hypervisor_load(0x32, 0, "hlv.h"),
    hypervisor_load(0x32, 1, "hlv.hu"),
    hypervisor_load(0x32, 3, "hlvx.hu"),
    hypervisor_load(0x34, 0, "hlv.w"),
    hypervisor_load(0x34, 1, "hlv.wu"),
    hypervisor_load(0x34, 3, "hlvx.wu"),
    hypervisor_load(0x36, 0, "hlv.d"),
    hypervisor_store(0x31, "hsv.b"),
    hypervisor_store(0x33, "hsv.h"),
    hypervisor_store(0x35, "hsv.w"),
    hypervisor_store(0x37, "hsv.d"),
    csr(kRs1Mask, 2, 0xC00, "rdcycle", "d"),
    csr(kRs1Mask, 2, 0xC01, "rdtime", "d"),
    csr(kRs1Mask, 2, 0xC02, "rdinstret", "d"),
    csr(kRs1Mask, 2, 0x001, "frflags", "d"),
    csr(kRdMask, 1, 0x001, "fsflags", "s"),
    csr(0, 1, 0x001, "fsflags", "d,s"),
    csr(0, 5, 0x001, "fsflagsi", "d,z"),
    csr(kRs1Mask, 2, 0x002, "frrm", "d"),
    csr(kRdMask, 1, 0x002, "fsrm", "s"),
    csr(0, 1, 0x002, "fsrm", "d,s"),
    csr(0, 5, 0x002, "fsrmi", "d,z"),
    csr(kRs1Mask, 2, 0x003, "frcsr", "d"),
    csr(kRdMask, 1, 0x003, "fscsr", "s"),
    csr(0, 1, 0x003, "fscsr", "d,s"),
    zero(kRdMask, i(kSystem, 1, "csrw", "e,s")),
    i(kSystem, 1, "csrrw", "d,e,s"),
    zero(kRs1Mask, i(kSystem, 2, "csrr", "d,e")),
    zero(kRdMask, i(kSystem, 2, "csrs", "e,s")),
    i(kSystem, 2, "csrrs", "d,e,s"),
    zero(kRdMask, i(kSystem, 3, "csrc", "e,s")),
    i(kSystem, 3, "csrrc", "d,e,s"),
    zero(kRdMask, i(kSystem, 5, "csrwi", "e,z")),
    i(kSystem, 5, "csrrwi", "d,e,z"),
    zero(kRdMask, i(kSystem, 6, "csrsi", "e,z")),
    i(kSystem, 6, "csrrsi", "d,e,z"),
    zero(kRdMask, i(kSystem, 7, "csrci", "e,z")),
    i(kSystem, 7, "csrrci", "d,e,z"),

// -- floating point, of one precision: 0 single, 1 double
#define REDOUBT_FP(p, s)                                                                       \
    fused(kMadd, p, "fmadd" s), fused(kMsub, p, "fmsub" s), fused(kNmsub, p, "fnmsub" s),      \
        fused(kNmadd, p, "fnmadd" s), f(0x00 + p, "fadd" s), f(0x04 + p, "fsub" s),            \
        f(0x08 + p, "fmul" s), f(0x0C + p, "fdiv" s), convert(0x2C + p, 0, "fsqrt" s, "D,Sm"), \
        f3(0x10 + p, 0, "fmv" s, "=D,S"), f3(0x10 + p, 1, "fneg" s, "=D,S"),                   \
        f3(0x10 + p, 2, "fabs" s, "=D,S"), f3(0x10 + p, 0, "fsgnj" s),                         \
        f3(0x10 + p, 1, "fsgnjn" s), f3(0x10 + p, 2, "fsgnjx" s), f3(0x14 + p, 0, "fmin" s),   \
        f3(0x14 + p, 1, "fmax" s), f3(0x50 + p, 0, "fle" s, "d,S,T"),                          \
        f3(0x50 + p, 1, "flt" s, "d,S,T"), f3(0x50 + p, 2, "feq" s, "d,S,T"),                  \
        exact(convert(0x70 + p, 0, "fclass" s, "d,S"), 1),                                     \
        convert(0x60 + p, 0, "fcvt.w" s, "d,Sm"), convert(0x60 + p, 1, "fcvt.wu" s, "d,Sm"),   \
        convert(0x60 + p, 2, "fcvt.l" s, "d,Sm"), convert(0x60 + p, 3, "fcvt.lu" s, "d,Sm"),   \
        convert(0x68 + p, 2, "fcvt" s ".l", "D,sm"), convert(0x68 + p, 3, "fcvt" s ".lu", "D,sm")
    REDOUBT_FP(0, ".s"),
    REDOUBT_FP(1, ".d"),
    convert(0x68, 0, "fcvt.s.w", "D,sm"),
    convert(0x68, 1, "fcvt.s.wu", "D,sm"),
    exact(convert(0x69, 0, "fcvt.d.w", "D,s")),
    exact(convert(0x69, 1, "fcvt.d.wu", "D,s")),
    convert(0x69, 0, "fcvt.d.w", "D,sm"),
    convert(0x69, 1, "fcvt.d.wu", "D,sm"),
    convert(0x20, 1, "fcvt.s.d", "D,Sm"),
    exact(convert(0x21, 0, "fcvt.d.s", "D,S")),
    convert(0x21, 0, "fcvt.d.s", "D,Sm"),
    exact(convert(0x70, 0, "fmv.x.w", "d,S")),
    exact(convert(0x71, 0, "fmv.x.d", "d,S")),
    exact(convert(0x78, 0, "fmv.w.x", "D,s")),
    exact(convert(0x79, 0, "fmv.d.x", "D,s")),
});

#undef REDOUBT_AMO
#undef REDOUBT_LR
#undef REDOUBT_FP

}  // namespace

std::span<const InstructionName> instruction_names() { return kNames; }

}  // namespace redoubt::vmmd::isa
