// Any sequence of system calls with any arguments, by several threads: the kernel survives, and
// revoking the memory it all came from gives every byte back.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

#include "fake_arch/fake.hpp"
#include "kernel/cap/derivation.hpp"

using namespace redoubt;
using kernel::fake::Machine;

namespace {

constexpr Machine::Slot kFirstSlot = 400, kSlots = 48;

/// Mostly what makes sense somewhere: slots, small numbers, packed pairs; else anything.
std::uint64_t argument(FuzzedDataProvider& data, Machine::Slot pool) {
    const auto slot = [&] {
        return kFirstSlot + data.ConsumeIntegralInRange<std::uint64_t>(0, kSlots - 1);
    };
    switch (data.ConsumeIntegralInRange(0, 7)) {
        case 0:
            return 0;
        case 1:
            return data.ConsumeIntegralInRange<std::uint64_t>(0, 63);
        case 2:
        case 3:
            return slot();
        case 4:
            return slot() | slot() << 32;
        case 5:
            return pool;
        case 6:
            return data.ConsumeIntegralInRange<std::uint64_t>(0, 14) |
                   data.ConsumeIntegralInRange<std::uint64_t>(0, 24) << 32;
        default:
            return data.ConsumeIntegral<std::uint64_t>();
    }
}

void fill_buffer(FuzzedDataProvider& data, Machine& machine, Machine::Slot pool) {
    abi::IpcBuffer& buffer = *machine.running().ipc_buffer;
    for (unsigned i = 0; i < 6; ++i) buffer.words[i] = argument(data, pool);
    for (abi::CapabilityIndex& slot : buffer.send) {
        slot = static_cast<abi::CapabilityIndex>(argument(data, pool));
    }
    buffer.receive_first = static_cast<abi::CapabilityIndex>(argument(data, pool));
    buffer.receive_count = data.ConsumeIntegralInRange(0, 5);
}

void step(FuzzedDataProvider& data, Machine& machine, Machine::Slot pool) {
    constexpr auto kCalls = static_cast<unsigned>(
        static_cast<std::uint64_t>(abi::SyscallNumber::End_) - abi::kNativeBase);
    const unsigned choice = data.ConsumeIntegralInRange(0U, kCalls + 3);
    switch (choice) {
        case kCalls:
            return machine.fault(0x1000);
        case kCalls + 1:
            kernel::fake::advance(data.ConsumeIntegralInRange(0, 20'000));
            return machine.reschedule();
        case kCalls + 2:
            return fill_buffer(data, machine, pool);
        case kCalls + 3:
            machine.call_raw(data.ConsumeIntegral<std::uint64_t>());
            return;
        default:
            break;
    }
    std::array<std::uint64_t, 6> arguments{};
    for (std::uint64_t& value : arguments) value = argument(data, pool);
    machine.call_raw(abi::kNativeBase + choice, arguments);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    FuzzedDataProvider data{bytes, size};
    Machine machine;
    const Machine::Slot pool = machine.make(abi::ObjectType::Untyped, 20);
    try {
        const Machine::Slot endpoint = machine.make(abi::ObjectType::Endpoint, 0, pool);
        for (unsigned i = 0; i < 3; ++i) machine.make_thread(201 + i, false, endpoint, 1 + i, pool);
        while (data.remaining_bytes() > 0) step(data, machine, pool);
        // Whoever runs may be ended or interrupted by this; then the next one goes on.
        do {
            if (machine.capability(pool).empty()) return 0;  // the input deleted it
            machine.call(abi::SyscallNumber::CapRevoke, {0, pool});
        } while (&machine.running() != &machine.init() ||
                 kernel::has_children(machine.capability(pool)));
        if (machine.free_bytes(pool) != std::uint64_t{1} << 20) std::abort();
    } catch (const kernel::fake::Deadlock&) {
        // Nobody is left who could do anything.
    } catch (const kernel::fake::Panic& panic) {
        // The input may end init, and that is the only panic there is.
        const std::string_view reason = panic.what();
        if (!reason.starts_with("init stopped: ") && !reason.starts_with("init has ended")) throw;
    }
    return 0;
}
