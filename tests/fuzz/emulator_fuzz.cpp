// Any bytes as an instruction, with any registers and in any mode: the emulator executes it, raises
// an exception or refuses it in words, and touches nothing outside of guest memory and the devices.
// One that remembers instructions does what one does that sees each for the first time, whatever
// changes in between.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "libhvcall/model/model_hypervisor.hpp"
#include "vmmd/arch/x86_64/isa/emulator.hpp"

using namespace redoubt;
using vmmd::isa::Emulator;

namespace {

class Devices final : public vmmd::isa::DeviceAccess {
  public:
    void read_memory(std::uint64_t, std::span<std::uint8_t> data) override {
        for (auto& byte : data) byte = next_++;
    }
    void write_memory(std::uint64_t, std::span<const std::uint8_t> data) override {
        for (const auto byte : data) next_ = static_cast<std::uint8_t>(next_ ^ byte);
    }
    std::uint32_t read_port(std::uint16_t, unsigned) override { return next_++; }
    void write_port(std::uint16_t, unsigned, std::uint32_t value) override {
        next_ = static_cast<std::uint8_t>(value);
    }

  private:
    std::uint8_t next_ = 0;
};

constexpr std::uint64_t kRamSize = 1 << 17;

/// Takes values from the input's front; zeros when it is used up.
class Input {
  public:
    Input() = default;
    Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
    template <class T>
    T take() {
        T value{};
        const auto count = std::min(sizeof value, size_);
        std::memcpy(&value, data_, count);
        data_ += count;
        size_ -= count;
        return value;
    }

  private:
    const std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
};

struct Machine {
    Machine() : ram(kRamSize), vcpu(memory, std::make_shared<hvcall::model::WakeUp>(), {}) {
        memory.add(hvcall::GuestPhysicalAddress{0}, ram);
    }

    std::vector<std::uint8_t> ram;
    hvcall::GuestMemory memory;
    hvcall::model::ModelVcpu vcpu;
    Devices devices;
};

constexpr std::uint64_t kTables = 0x10000, kTablesSize = 0x8000;
/// The page of the code and what is behind it: where paging is on, another page.
constexpr std::uint64_t kCode = 0x1000, kBehind = 0x2000, kBehindPaged = 0x3000;

void put(Machine& machine, std::uint64_t address, std::uint64_t value) {
    std::memcpy(machine.ram.data() + address, &value, sizeof value);
}

void put_code(Machine& machine, std::uint64_t address, std::uint8_t byte) {
    machine.ram[address] = byte;
    if (address >= kBehind) machine.ram[address - kBehind + kBehindPaged] = byte;
}

/// The code's page where it is in memory, and the other one, in tables of the width that `mode`
/// has.
void map_code(Machine& machine, std::uint8_t mode) {
    if ((mode & 3) == 3) {
        for (unsigned level = 0; level < 3; ++level)
            put(machine, kTables + level * 0x1000, (kTables + (level + 1) * 0x1000) | 7);
        put(machine, kTables + 0x3008, kCode | 7);
        put(machine, kTables + 0x3010, kBehindPaged | 7);
    } else if ((mode & 4) != 0) {
        put(machine, kTables, (kTables + 0x1000) | 1);
        put(machine, kTables + 0x1000, (kTables + 0x2000) | 7);
        put(machine, kTables + 0x2008, kCode | 7);
        put(machine, kTables + 0x2010, kBehindPaged | 7);
    } else {
        put(machine, kTables, (kTables + 0x1000) | 7);
        put(machine, kTables + 0x1000, kCode << 32 | std::uint64_t{7} << 32);
        put(machine, kTables + 0x1008, kBehindPaged | 7);
    }
}

/// Something by which the instruction that was first at `start` is found or read.
void change(Machine& machine, std::uint64_t start, Input input) {
    auto& state = machine.vcpu.state();
    state.inject = 0;
    const auto what = input.take<std::uint8_t>();
    const auto where = input.take<std::uint16_t>();
    const auto value = input.take<std::uint8_t>();
    if ((what & 0x80) == 0) state.rip = start;
    switch (what & 7) {
        case 0:
            put_code(machine, start + where % 16, value);
            break;
        case 1:
            machine.ram[kTables + where % kTablesSize] = value;
            break;
        case 2:  // the first entries are those in use
            machine.ram[kTables + (where & 3) * 0x1000 + (where >> 2 & 0x1F)] = value;
            break;
        case 3:
            state.cr3 = kTables + (where & 7) * 0x1000;
            break;
        case 4:
            state.cpl = value & 3;
            break;
        case 5:
            state.cr4 ^= std::uint64_t{1} << (4 + (value & 1));
            break;
        case 6:
            state.cr0 ^= std::uint64_t{1} << 31;
            break;
        default:
            break;
    }
}

void require(bool condition) {
    if (!condition) std::abort();
}

void require_same(const abi::VcpuState& a, const abi::VcpuState& b) {
    require(std::memcmp(a.gpr, b.gpr, sizeof a.gpr) == 0);
    require(a.rip == b.rip && a.rflags == b.rflags && a.cr2 == b.cr2 && a.inject == b.inject);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Machine machine, other;
    auto& ram = machine.ram;
    std::memset(ram.data(), 0, ram.size());
    auto& state = machine.vcpu.state();
    std::memset(static_cast<void*>(&state), 0, sizeof state);
    machine.devices = other.devices = {};

    Input input(data, size);
    const auto mode = input.take<std::uint8_t>();
    // At the beginning of a page, or across its end.
    const auto place = input.take<std::uint8_t>();
    const auto start = (place & 1) != 0 ? kBehind - 1 - place / 2 % 14 : kCode;
    std::uint8_t code[15];
    for (std::uint64_t i = 0; i < sizeof code; ++i)
        put_code(machine, start + i, code[i] = input.take<std::uint8_t>());
    // Early, for the fuzzer's inputs are short at first; what is left of them stays zero.
    std::array<Input, 5> changes;
    for (auto& each : changes) {
        each = input;
        input.take<std::uint32_t>();
    }
    for (auto& reg : state.gpr) reg = input.take<std::uint64_t>();
    // Repetitions of 2^64 steps are cut into pieces; a few of them are enough here.
    state.rflags = input.take<std::uint16_t>() | 2U;
    state.rip = start;
    state.cpl = mode >> 4 & 3;
    state.exit.kind = (mode & 0x40) != 0 ? abi::ExitKind::Mmio : abi::ExitKind::PortIo;
    state.exit.info1 = input.take<std::uint64_t>();
    state.exit.detail = mode >> 7;
    for (auto& segment : state.segments) segment.base = input.take<std::uint32_t>();
    // Page tables of random entries that stay in memory, over an identity for the code.
    for (unsigned i = 0; i < 64; ++i) {
        const auto entry = input.take<std::uint32_t>();
        const std::uint64_t where = kTables + (entry >> 16 & 0x7FF8);
        std::memcpy(ram.data() + where, &entry, sizeof entry);
    }
    map_code(machine, mode);
    state.cr3 = kTables;
    switch (mode & 3) {
        case 0:
            break;  // real mode
        case 1:
            state.cr0 = 1;
            state.cs_attributes = 1U << 10;
            break;
        case 2:
            state.cr0 = 1U << 31 | 1;
            state.cr4 = (mode & 4) != 0 ? 1U << 5 : 1U << 4;
            state.cs_attributes = 1U << 10;
            break;
        default:
            state.cr0 = 1U << 31 | 1;
            state.cr4 = 1U << 5;
            state.efer = 1U << 10 | 1U << 11;
            state.cs_attributes = 1U << 9;
            break;
    }
    if ((mode & 8) != 0) {
        // The code need not be found through those tables.
        state.exit.instruction_length = sizeof code;
        std::memcpy(state.exit.instruction, code, sizeof code);
    }
    auto& other_state = other.vcpu.state();
    std::memcpy(static_cast<void*>(&other_state), &state, sizeof state);
    other.ram = ram;
    Emulator remembers(machine.vcpu, machine.memory, machine.devices);
    for (const auto& each : changes) {
        const auto done = remembers.execute();
        const auto other_done = Emulator(other.vcpu, other.memory, other.devices).execute();
        if (!done && done.error().empty()) std::abort();
        require(done == other_done);
        require_same(state, other_state);
        change(machine, start, each);
        change(other, start, each);
    }
    // The page behind an instruction counts as accessed if somebody looked for a longer one there.
    for (auto* memory : {&ram, &other.ram}) {
        for (auto at = kTables; at < kTables + kTablesSize; at += 4) (*memory)[at] |= 0x20;
    }
    require(ram == other.ram);
    static_cast<void>(remembers.decode_control_access());
    static_cast<void>(remembers.instruction_length());
    return 0;
}
