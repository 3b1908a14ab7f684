// What the probe's tests stand on: findings, requests to hv: paths, and a VM with 64 KiB of memory.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "abi/hv.hpp"
#include "abi/object.hpp"
#include "abi/scheme.hpp"
#include "abi/startup.hpp"
#include "abi/vcpu_state.hpp"
#include "libhvcall/native/syscall.hpp"
#include "tests/system/hv/request.hpp"

#define GUEST(name) extern "C" const unsigned char guest_##name[], guest_##name##_end[]
// Every architecture has these:
GUEST(spin);      // for good
GUEST(halt);      // at once
GUEST(identity);  // halts after a while if everything that is the guest's alone stayed as it was

extern "C" void* memcpy(void* to, const void* from, unsigned long bytes);

namespace redoubt::probe {

using abi::Error;
using abi::ExitKind;
using abi::MapFlags;
using native::Slot;
namespace scheme = abi::scheme;

inline constexpr Slot kSpace = static_cast<Slot>(abi::StartupSlot::AddressSpace);
inline constexpr Slot kCNode = static_cast<Slot>(abi::StartupSlot::CNode);
inline constexpr auto kReadWrite = MapFlags::Read | MapFlags::Write;
inline constexpr auto kAllAccess = kReadWrite | MapFlags::Execute;
inline constexpr unsigned kVmBits = 16, kGuestBits = 16, kPoolBits = 23;
inline constexpr std::uint64_t kCode = 0x1000, kHandler = 0x3000, kStack = 0xFF00;
inline constexpr std::uint64_t kReadOnlyAt = 0x40000, kUnmappedAt = 0x80000;

extern Slot root, untyped, pool, first_free, next_slot;
extern std::uint64_t ticks_per_second;
extern unsigned failures;

void put(const char* text);
void put(std::uint64_t number);

template <class... Parts>
void check(bool held, Parts... what) {
    put(held ? "probe: ok " : "probe: FAILED ");
    (put(what), ...);
    put("\r\n");
    if (!held) ++failures;
}

// ---- hv: paths

/// Looks for a word in what reading `file` gives.
bool text_contains(Slot file, const char* word);

/// A Call with a payload.
template <class T>
Error call(Slot target, auto code, std::initializer_list<T> payload, Slot send = 0,
           std::uint64_t length = sizeof(T)) {
    auto* words = &native::ipc_buffer().words[abi::kRegisterWords];
    if (payload.size() != 0) {
        memcpy(words, payload.begin(), payload.size() * sizeof(T));
        if (length == sizeof(T)) length = payload.size() * sizeof(T);
    }
    return request(target, scheme::Operation::Call, static_cast<std::uint64_t>(code), length, 0,
                   send)
        .error;
}

/// A Notification whose capability has this badge.
Slot make_notification(std::uint64_t badge);

// ---- a VM with 64 KiB of memory, which is also mapped here

struct Machine {
    Slot vm = 0, vcpu = 0, memory = 0, guest_memory = 0, state_frame = 0;
    unsigned index = 0;
    abi::VcpuState* state = nullptr;
    unsigned char* bytes = nullptr;

    explicit Machine(unsigned which, bool quiet = false, unsigned address_bits = 0);

    /// The vCPU is about to execute its first instruction, at kCode.
    void reset();
    void load(const unsigned char* begin, const unsigned char* end, std::uint64_t at = kCode);
    Error run();
    bool run_to(ExitKind kind, const char* what);
    /// Behind the instruction that made it exit.
    void go_on();
};

/// Everything made since the last time goes; all memory must be back.
void tear_down(const char* what);

/// Starts a thread that runs the vCPU of the Machine of this index until it exits for another
/// reason than an interruption.
Slot start_worker(unsigned index, Slot vcpu);
inline constexpr unsigned kWorkers = 3;
extern volatile std::uint64_t worker_result[kWorkers];
extern volatile bool worker_done[kWorkers];

/// Lets the workers run until something holds, however slow the machine is.
template <class Condition>
void wait_until(Condition&& condition) {
    const std::uint64_t end = native::ticks() + 60 * ticks_per_second;
    while (!condition() && native::ticks() < end) native::yield();
}

// ---- what each architecture has

extern const char* const kBackendLine;                 ///< of hv:/caps
extern const unsigned kFirstRegister, kRegisterCount;  ///< 64-bit words of the state page
extern const std::uint64_t kAnyEvent;  ///< bits of `inject` without which it says nothing
void reset_registers(abi::VcpuState& state);
std::uint64_t program_counter(const abi::VcpuState& state);
std::uint64_t behind_exit(const abi::Exit& exit);
void set_program_counter(abi::VcpuState& state, std::uint64_t value);
/// What guest_identity looks for.
void set_identity(abi::VcpuState& state, std::uint64_t value);
/// The tests that only this one has.
void test_architecture();

}  // namespace redoubt::probe
