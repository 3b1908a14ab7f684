// What a riscv64 guest controls: registers of its devices, SBI calls with any arguments,
// instructions and page tables.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "arch/chipset.hpp"
#include "arch/disassembler.hpp"
#include "arch/memory_layout.hpp"
#include "vmmd/arch/riscv64/cpu/sbi.hpp"
#include "vmmd/arch/riscv64/debug/step_plan.hpp"
#include "vmmd/arch/riscv64/isa/access_cache.hpp"
#include "vmmd/arch/riscv64/isa/paging.hpp"
#include "vmmd/bus/bus.hpp"
#include "vmmd/devices/unclaimed.hpp"

namespace {

using namespace redoubt;
using namespace redoubt::vmmd;

constexpr unsigned kHarts = 3;
constexpr std::size_t kGuestMemory = 8 * 4096;

void require(bool condition) {
    if (!condition) std::abort();
}

class Input {
  public:
    explicit Input(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

    bool empty() const { return rest_.empty(); }
    template <class T>
    T take() {
        T value{};
        const auto size = std::min(sizeof value, rest_.size());
        std::memcpy(&value, rest_.data(), size);
        rest_ = rest_.subspan(size);
        return value;
    }
    /// Small numbers, guest addresses, and anything.
    std::uint64_t word() {
        switch (take<std::uint8_t>() % 4) {
            case 0:
                return take<std::uint8_t>();
            case 1:
                return kMemoryBase + take<std::uint16_t>();
            case 2:
                return ~std::uint64_t{0} - take<std::uint8_t>();
            default:
                return take<std::uint64_t>();
        }
    }

  private:
    std::span<const std::uint8_t> rest_;
};

struct Machine {
    Machine() {
        ram.resize(kGuestMemory);
        memory.add(hvcall::GuestPhysicalAddress{kMemoryBase}, ram);
        harts.reset();
        chipset.attach([this](auto base, auto size, Device& device) {
            ranges.push_back({base, size, &device});
        });
        sbi_machine.console_write = [this](auto bytes) { chipset.console_write(bytes); };
        sbi_machine.console_read = [this] { return chipset.console_read(); };
        sbi_machine.power_off = [] {};
        sbi_machine.reset = [](std::string_view) {};
    }

    ChipsetOptions options() {
        ChipsetOptions result;
        result.vcpus = kHarts;
        result.external_interrupt = [this](unsigned hart, bool level) {
            require(hart < kHarts);
            harts[hart].set_external(level);
        };
        return result;
    }

    ManualClock clock;
    TimerQueue timers{clock};
    std::vector<std::uint8_t> ram;
    hvcall::GuestMemory memory;
    Harts harts{kHarts};
    Chipset chipset{timers, options()};
    std::vector<BusRange> ranges;
    SbiMachine sbi_machine;
    Sbi sbi{0, harts, sbi_machine, memory, false};
    isa::AccessCache accesses;
    abi::VcpuState state{};
};

void access_device(Machine& machine, Input& input) {
    const auto& range = machine.ranges[input.take<std::uint8_t>() % machine.ranges.size()];
    const auto selector = input.take<std::uint8_t>();
    const std::size_t size = std::size_t{1} << (selector & 3);
    auto offset = input.take<std::uint32_t>() % range.size;
    if ((selector & 4) == 0) offset %= 0x40;  // most registers are at the beginning
    std::uint8_t data[8];
    if ((selector & 8) != 0) {
        range.device->read(offset, std::span(data).first(size));
    } else {
        store_little_endian(data, input.word());
        range.device->write(offset, std::span(data).first(size));
    }
}

void call_sbi(Machine& machine, Input& input) {
    static constexpr std::uint64_t kExtensions[] = {
        0, 1, 2, 8, 0x10, 0x73'5049, 0x48'534D, 0x5449'4D45, 0x5246'4E43, 0x5352'5354, 0x4442'434E};
    auto& gpr = machine.state.gpr;
    const auto choice = input.take<std::uint8_t>();
    gpr[17] = choice < 240 ? kExtensions[choice % std::size(kExtensions)] : input.word();
    gpr[16] = input.take<std::uint8_t>() % 8;
    for (unsigned i = 10; i < 16; ++i) gpr[i] = input.word();
    machine.sbi.call(machine.state);
    for (unsigned i = 0; i < kHarts; ++i) {
        if (machine.harts[i].state() == HartState::StartPending) machine.harts[i].begin();
    }
}

/// What is remembered is what one sees who looks for the first time.
void find_access(Machine& machine) {
    isa::AccessCache fresh;
    const auto* access = machine.accesses.at_pc(machine.state, machine.memory);
    const auto* expected = fresh.at_pc(machine.state, machine.memory);
    require(access == nullptr ? expected == nullptr : expected != nullptr && *access == *expected);
}

void look_at_code(Machine& machine, Input& input) {
    const auto instruction = input.take<std::uint32_t>();
    for (const auto& access :
         {isa::decode_memory_access(instruction), isa::decode_transformed_access(input.word())}) {
        if (!access) continue;
        require(access->general_register < 32 && access->bytes <= 8 && access->length <= 4);
    }
    machine.state.pc = input.word();
    require(plan_step(machine.state, instruction).count <= 2);
    if (input.take<std::uint8_t>() % 4 == 0) machine.state.vsatp = input.word();
    find_access(machine);
    isa::translate(machine.state, machine.memory, input.word());
    std::array<std::uint8_t, 4> bytes{};
    store_little_endian(bytes, instruction);
    for (const auto& row : isa::disassemble(bytes, machine.state.pc, isa::CodeMode::Rv64, 2))
        require(!row.text.empty() && row.bytes.size() <= isa::kLongestInstruction);
    isa::disassemble_before(std::span(machine.ram).first(32), kMemoryBase, isa::CodeMode::Rv64, 4);
}

/// An instruction in a page that tables map, or across the end of it, while all of that changes.
void change_code(Machine& machine, Input& input) {
    constexpr std::uint64_t kPage = 4096, kFirst = 1 * kPage, kSecond = 3 * kPage,
                            kTables = 4 * kPage, kSv39 = 8ULL << 60;
    const auto put = [&](std::uint64_t offset, std::uint64_t page, std::uint64_t bits) {
        const std::uint64_t entry = (kMemoryBase + page) >> 2 | bits;
        std::memcpy(machine.ram.data() + offset, &entry, sizeof entry);
    };
    const auto put_code = [&](std::uint64_t address, std::uint8_t byte) {
        machine.ram[address < 2 * kPage ? address : address - 2 * kPage + kSecond] = byte;
    };
    put(kTables, kTables + kPage, 1);
    put(kTables + kPage, kTables + 2 * kPage, 1);
    put(kTables + 2 * kPage + 8, kFirst, 0xCF);
    put(kTables + 2 * kPage + 16, kSecond, 0xCF);
    machine.state.vsatp = kSv39 | (kMemoryBase + kTables) / kPage;
    const auto choice = input.take<std::uint8_t>();
    const std::uint64_t start = (choice & 1) != 0 ? 2 * kPage - 2 : kPage;
    auto instruction = input.take<std::uint32_t>();
    if ((choice & 2) == 0) instruction = (instruction & ~0x7FU) | 0x03;  // a load
    for (std::uint64_t i = 0; i < 4; ++i)
        put_code(start + i, static_cast<std::uint8_t>(instruction >> 8 * i));
    machine.state.pc = start;
    find_access(machine);
    for (unsigned i = 0; i < 4; ++i) {
        const auto what = input.take<std::uint8_t>();
        const auto value = input.take<std::uint8_t>();
        switch (what & 3) {
            case 0:
                put_code(start + (what >> 2) % 4, value);
                break;
            case 1:  // of the entries in use
                machine.ram[kTables + (what >> 2) % 3 * kPage + (what >> 4) % 3 * 8 + value % 8] =
                    input.take<std::uint8_t>();
                break;
            case 2:
                machine.state.vsatp ^= value;
                break;
            default:
                machine.state.pc = start ^ (value & 2);
        }
        find_access(machine);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input({data, size});
    Machine machine;
    while (!input.empty()) {
        const auto what = input.take<std::uint8_t>();
        switch (what % 8) {
            case 0:
                call_sbi(machine, input);
                break;
            case 1:
                look_at_code(machine, input);
                break;
            case 2:
                machine.clock.advance({input.take<std::uint32_t>()});
                machine.timers.run_expired();
                break;
            case 3: {
                const auto byte = input.take<std::uint8_t>();
                machine.chipset.serial_input().receive({&byte, 1});
                machine.chipset.interrupt(1 + byte % (Plic::kSources - 1)).set((what & 8) != 0);
                break;
            }
            case 4:
                machine.ram[input.take<std::uint16_t>() % kGuestMemory] = what;
                find_access(machine);
                break;
            case 5:
                if (what == 5) machine.chipset.reset_all();
                break;
            case 6:
                change_code(machine, input);
                break;
            default:
                access_device(machine, input);
        }
    }
    return 0;
}
