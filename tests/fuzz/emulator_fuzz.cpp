// Any bytes as an instruction, with any registers and in any mode: the emulator executes it, raises
// an exception or refuses it in words, and touches nothing outside of guest memory and the devices.
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

constexpr std::uint64_t kRamSize = 1 << 20;

/// Takes values from the input's front; zeros when it is used up.
class Input {
  public:
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
    const std::uint8_t* data_;
    std::size_t size_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static std::vector<std::uint8_t> ram(kRamSize);
    std::memset(ram.data(), 0, ram.size());
    hvcall::GuestMemory memory;
    memory.add(hvcall::GuestPhysicalAddress{0}, ram);
    hvcall::model::ModelVcpu vcpu(memory, std::make_shared<hvcall::model::WakeUp>(), {});
    Devices devices;
    auto& state = vcpu.state();

    Input input(data, size);
    const auto mode = input.take<std::uint8_t>();
    std::uint8_t code[15];
    for (auto& byte : code) byte = input.take<std::uint8_t>();
    std::memcpy(ram.data() + 0x1000, code, sizeof code);
    for (auto& reg : state.gpr) reg = input.take<std::uint64_t>();
    // Repetitions of 2^64 steps are cut into pieces; a few of them are enough here.
    state.rflags = input.take<std::uint16_t>() | 2U;
    state.rip = 0x1000;
    state.cpl = mode >> 4 & 3;
    state.exit.kind = (mode & 0x40) != 0 ? abi::ExitKind::Mmio : abi::ExitKind::PortIo;
    state.exit.info1 = input.take<std::uint64_t>();
    state.exit.detail = mode >> 7;
    for (auto& segment : state.segments) segment.base = input.take<std::uint32_t>();
    // Page tables of random entries that stay in memory, over an identity for the code.
    for (unsigned i = 0; i < 64; ++i) {
        const auto entry = input.take<std::uint32_t>();
        const std::uint64_t where = 0x10000 + (entry >> 16 & 0x7FF8);
        std::memcpy(ram.data() + where, &entry, sizeof entry);
    }
    state.cr3 = 0x10000;
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
    Emulator emulator(vcpu, memory, devices);
    for (unsigned i = 0; i < 3; ++i) {
        const auto done = emulator.execute();
        if (!done && done.error().empty()) std::abort();
    }
    static_cast<void>(emulator.decode_control_access());
    static_cast<void>(emulator.instruction_length());
    return 0;
}
