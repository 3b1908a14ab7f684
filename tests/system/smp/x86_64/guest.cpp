// Guests in real mode; their calls are writes to ports.
#include "tests/system/smp/guest.hpp"

namespace redoubt::stress {

namespace {

constexpr unsigned kVector = 0x20, kBadPort = 0x99;

bool is_valid(const abi::VcpuState& state) {
    return (state.inject & abi::EventInjection::kValid) != 0;
}

}  // namespace

Program copying_guest() {
    static constexpr unsigned char kCode[] = {
        0xB9, 0x40, 0x00,        // mov cx, 64
        0x26, 0xA1, 0x00, 0x00,  // 1: mov ax, es:[0]
        0xA3, 0x00, 0x30,        // mov [0x3000], ax
        0xE2, 0xF7,              // loop 1b
        0xE6, 0x10,              // out 0x10, al
        0xEB, 0xF0,              // jmp start
    };
    return kCode;
}

Program interrupted_guest() {
    static constexpr unsigned char kCode[] = {
        0x66, 0x0F,     0x6E, 0xC0,  // movd xmm0, eax
        0xFB,                        // sti
        0x8B, 0x0E,     0x10, 0x30,  // 1: mov cx, [0x3010]
        0xE2, 0xFE,                  // loop $
        0x66, 0x0F,     0x7E, 0xC3,  // movd ebx, xmm0
        0x66, 0x39,     0xC3,        // cmp ebx, eax
        0x75, 0x03,                  // jne 2f
        0xF4,                        // hlt
        0xEB, 0xEE,                  // jmp 1b
        0xE6, kBadPort,              // 2: out 0x99, al
    };
    return kCode;
}

Program interrupt_handler() {
    static constexpr unsigned char kCode[] = {
        0xFF, 0x06, 0x00, 0x30,  // inc word [0x3000]
        0xE6, 0x20,              // out 0x20, al
        0xCF,                    // iret
    };
    return kCode;
}

void set_guest_state(abi::VcpuState& state) {
    for (auto& segment : state.segments)
        segment.selector = kMemoryAddress >> 4, segment.base = kMemoryAddress;
    state.segments[abi::kEs].base = kPageAddress;
    state.rip = kCodeOffset;
    state.rflags = 2;
    state.gpr[abi::kRsp] = 0x8000;
    state.dirty = static_cast<std::uint32_t>(abi::RegisterGroup::Segments);
}

void set_interrupt_state(abi::VcpuState& state, volatile unsigned char* memory,
                         std::uint32_t mine) {
    constexpr std::uint32_t kOsfxsr = 1 << 9;
    auto* vector = reinterpret_cast<volatile std::uint16_t*>(memory + kVector * 4);
    vector[0] = kHandlerOffset;
    vector[1] = kMemoryAddress >> 4;
    state.idtr = {0, 0, 0x3FF, kMemoryAddress};
    state.cr4 = kOsfxsr;
    state.gpr[abi::kRax] = mine;
    state.dirty |= static_cast<std::uint32_t>(abi::RegisterGroup::Control);
}

bool go_on_after_call(abi::VcpuState& state) {
    if (state.exit.kind != abi::ExitKind::PortIo) return false;
    state.rip = state.exit.next_rip;
    return true;
}
bool go_on_after_halt(abi::VcpuState& state) {
    if (state.exit.kind != abi::ExitKind::Halt) return false;
    state.rip = state.exit.next_rip;
    return true;
}
bool is_complaint(const abi::VcpuState& state) {
    return state.exit.kind == abi::ExitKind::PortIo && state.exit.info1 == kBadPort;
}

bool takes_interrupts(const abi::VcpuState& state) {
    constexpr std::uint64_t kInterruptFlag = 1 << 9;
    return (state.rflags & kInterruptFlag) != 0 && state.interruptibility == 0 && !is_valid(state);
}
void inject(abi::VcpuState& state) {
    state.inject = abi::EventInjection::kValid | abi::EventInjection::kExternalInterrupt | kVector;
}
/// QEMU 7.2 leaves an injected interrupt as its pending exception, too, and delivers it again if it
/// happens to leave its loop before the next exit.
const bool kInterruptsRepeat = true;
const std::uint32_t kWaitsForInterrupts = abi::kRequestInterruptWindow;

/// All that they use are always there.
void use_vectors() {}
void set_vector_register(std::uint64_t value) { asm volatile("movq %0, %%xmm0" : : "r"(value)); }
std::uint64_t vector_register() {
    std::uint64_t value = 0;
    asm volatile("movq %%xmm0, %0" : "=r"(value));
    return value;
}

}  // namespace redoubt::stress
