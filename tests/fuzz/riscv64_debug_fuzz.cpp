// A debugger's breakpoints and watchpoints on a riscv64 guest that executes any instruction with
// any registers and exits in any way: what the guest has in memory stays its own, an access that is
// made for it touches nothing else, and no page keeps fewer rights without a watchpoint in it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <source_location>
#include <vector>

#include "arch/memory_layout.hpp"
#include "arch/vcpu_debug.hpp"
#include "libhvcall/model/model_hypervisor.hpp"
#include "vmmd/arch/riscv64/debug/debug_aids.hpp"
#include "vmmd/bus/bus.hpp"
#include "vmmd/devices/unclaimed.hpp"

namespace {

using namespace redoubt;
using namespace redoubt::vmmd;
using gdb::Breakpoint;
using gdb::BreakpointKind;
using Access = hvcall::Vm::Access;

constexpr std::uint64_t kPage = 4096, kPages = 4, kMemory = 2 << 20;

void require(bool condition, std::source_location where = std::source_location::current()) {
    if (condition) return;
    std::fprintf(stderr, "line %u: what must hold does not\n", static_cast<unsigned>(where.line()));
    std::abort();
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
    /// Mostly in the first pages.
    std::uint64_t address() {
        const auto choice = take<std::uint8_t>();
        if (choice == 0) return take<std::uint64_t>();
        const auto offset = take<std::uint16_t>() % (kPages * kPage);
        return kMemoryBase + (choice % 4 == 0 ? offset : offset & ~std::uint64_t{7});
    }
    /// There are no instructions at odd ones.
    std::uint64_t code() { return address() & ~std::uint64_t{1}; }

  private:
    std::span<const std::uint8_t> rest_;
};

struct Listener final : DebugListener {
    void vcpu_stopped(gdb::Stop stop) override {
        require(stop.reason != gdb::Stop::Reason::Request);
        ++stops;
    }
    unsigned stops = 0;
};

/// One vCPU, whose exits are made up.
struct Guest {
    Guest() {
        hypervisor.set_protect_hook([this](auto page, auto access) {
            require(page.value() % kPage == 0);
            rights[page.value()] = access;
        });
        vm->add_memory(hvcall::GuestPhysicalAddress{kMemoryBase}, kMemory);
        harts.reset();
        debug.attach(listener, software);
    }

    std::span<std::uint8_t> ram() {
        return vm->memory().at(hvcall::GuestPhysicalAddress{kMemoryBase}, kPages * kPage);
    }

    std::map<std::uint64_t, Access> rights;
    hvcall::model::ModelHypervisor hypervisor;
    std::unique_ptr<hvcall::Vm> vm = hypervisor.create_vm(kMemory);
    std::unique_ptr<hvcall::Vcpu> vcpu = vm->create_vcpu(0);
    abi::VcpuState& state = vcpu->state();
    ManualClock clock;
    Unclaimed unclaimed{"memory", clock, [](const auto&) {}};
    MmioBus mmio{unclaimed};
    Harts harts{1};
    SbiMachine sbi;
    DebugAids aids{*vm};
    ExitContext context{*vcpu, vm->memory(), mmio, 0, harts, sbi, hypervisor, false, &aids};
    ExitRouter router{context};
    VcpuDebug debug{0, context, router};
    SoftwareBreakpoints software;
    Listener listener;
    std::vector<Breakpoint> inserted;
};

void change_breakpoints(Guest& guest, Input& input) {
    const auto kind = 1 + input.take<std::uint8_t>() % 4;
    const Breakpoint wanted{static_cast<BreakpointKind>(kind), input.address(),
                            input.take<std::uint8_t>() % 10U};
    if (guest.debug.insert(wanted)) guest.inserted.push_back(wanted);
    if (input.take<std::uint8_t>() % 3 != 0 || guest.inserted.empty()) return;
    const auto gone = guest.inserted[input.take<std::uint8_t>() % guest.inserted.size()];
    guest.debug.remove(gone);
    std::erase(guest.inserted, gone);
}

/// An entry into the guest and an exit: a page's missing rights, or anything else.
void run(Guest& guest, Input& input) {
    auto& state = guest.state;
    if (input.take<std::uint8_t>() % 4 == 0) state.pc = input.code();
    if (input.take<std::uint8_t>() % 32 == 0) state.vsatp = input.take<std::uint64_t>();
    for (unsigned i = 0; i < 3; ++i)
        state.gpr[1 + input.take<std::uint8_t>() % 31] = input.address();
    state.mode = input.take<std::uint8_t>() % 2;
    const auto instruction = input.take<std::uint32_t>();
    static_cast<void>(
        guest.vm->memory().write(hvcall::GuestPhysicalAddress{state.pc}, instruction));
    const std::vector<std::uint8_t> before(guest.ram().begin(), guest.ram().end());
    guest.debug.before_entry();

    state.exit = {};
    const auto at = input.address();
    bool access = false, write = false;
    switch (input.take<std::uint8_t>() % 8) {
        case 0:
            state.exit.kind = abi::ExitKind::Exception;
            state.exit.detail = input.take<std::uint8_t>() % 16;
            state.pc = input.code();
            break;
        case 1:
            state.exit.kind = abi::ExitKind::Instruction;
            break;
        case 2:
            state.exit.kind = abi::ExitKind::Interrupted;
            state.pc = input.code();
            break;
        case 3:  // an instruction has been executed, and a breakpoint is next
            state.exit.kind = abi::ExitKind::Exception;
            state.exit.detail = 3;
            state.pc += isa::instruction_length(instruction);
            break;
        default:
            state.exit.kind = abi::ExitKind::Mmio;
            state.exit.detail = input.take<std::uint8_t>() & 7;
            state.exit.info1 = at;
            state.exit.info2 = input.take<std::uint8_t>() % 4 == 0 ? input.address() : at;
            access = true;
            write = (state.exit.detail & abi::MmioDetail::kWrite) != 0;
    }
    const bool taken = guest.debug.after_exit();
    if (!taken) guest.debug.after_emulation();
    require(state.control == 0);

    const auto ram = guest.ram();
    const auto [then, now] = std::ranges::mismatch(before, ram);
    if (then == before.end()) return;
    // It is no breakpoint instruction that was left, but what the guest writes.
    const auto first = static_cast<std::uint64_t>(then - before.begin());
    std::uint64_t last = ram.size() - 1;
    while (before[last] == ram[last]) --last;
    require(access && taken && first + kMemoryBase >= at && last + kMemoryBase < at + 8);
    const bool is_atomic = (instruction & 0x7F) == 0x2F;
    require((write || is_atomic));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input({data, size});
    Guest guest;
    while (!input.empty()) {
        const auto what = input.take<std::uint8_t>();
        switch (what % 4) {
            case 0:
                change_breakpoints(guest, input);
                break;
            case 1:
                guest.debug.set_step((what & 4) != 0);
                break;
            default:
                run(guest, input);
        }
        for (const auto& [page, access] : guest.rights) {
            const bool watched =
                std::ranges::any_of(guest.inserted, [](const Breakpoint& breakpoint) {
                    return breakpoint.kind != BreakpointKind::Hardware;
                });
            require(access == Access::All || watched);
        }
    }
    guest.debug.detach();
    for (const auto& [page, access] : guest.rights) require(access == Access::All);
    return 0;
}
