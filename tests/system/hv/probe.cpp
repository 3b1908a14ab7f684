// An init that tests the hypervisor core from user space: every kind of exit, injection, ends of
// runs, guest memory, hostile state pages, and the end of VMs in every state with all memory
// accounted for. Prints a line for each finding to the console and ends the machine with 0 if
// everything held. What only one architecture has is in its folder.
#include "tests/system/hv/support.hpp"
#include "tests/system/kernel/machine.hpp"

namespace redoubt::probe {
namespace {

// ---- the tests

void test_paths() {
    const Slot file = next_slot++;
    check(open(root, "caps", file).error == Error::Ok && text_contains(file, kBackendLine),
          "hv:/caps");
    check(request(file, scheme::Operation::Write, 0, 1).error == Error::NotSupported,
          "caps cannot be written");
    check(open(file, "vm", next_slot).error == Error::NotSupported, "a file is no directory");
    check(open(root, "nothing", next_slot).error == Error::NotFound, "unknown path");
    check(open(root, "vm/77", next_slot).error == Error::NotFound, "unknown VM");
    check(open(root, "vm", next_slot, true, 0, kVmBits).error == Error::InvalidArgument,
          "a VM without memory");
    check(open(root, "vm", next_slot, true, pool, 15).error == Error::InvalidArgument,
          "a VM too small");
    check(open(root, "vm", next_slot, true, pool, 24).error == Error::NoMemory,
          "a VM larger than its memory");
    check(open(root, "vm", next_slot, true, root, kVmBits).error == Error::InvalidCapability,
          "memory of no kind");
    check(open(root, "vm", file, true, pool, kVmBits).error == Error::SlotOccupied,
          "no room for the capability");
    check(request(root, static_cast<scheme::Operation>(99)).error == Error::NotSupported,
          "unknown operation");
    check(open(root, "caps", next_slot, false).mr[0] > 20, "size of hv:/caps");
    native::delete_capability(file);
    native::delete_capability(next_slot);
    tear_down("paths");
}

void test_ends_of_runs() {
    Machine m{0};
    m.load(guest_spin, guest_spin_end);
    const std::uint64_t start = native::ticks();
    m.state->deadline = start + ticks_per_second / 50;
    m.run_to(ExitKind::Deadline, "deadline");
    const std::uint64_t late = native::ticks() - m.state->deadline;
    check(late < ticks_per_second, "late by ", late);
    m.run_to(ExitKind::Deadline, "a deadline in the past");
    m.state->deadline = abi::kNever;
    native::vcpu_control(m.vcpu, abi::VcpuOperation::Kick);
    check(native::vcpu_run(m.vcpu) == Error::Ok && m.state->exit.kind == ExitKind::Interrupted,
          "kick");
    m.state->control = abi::kExitAtOnce;
    check(native::vcpu_run(m.vcpu) == Error::Ok && m.state->exit.kind == ExitKind::Interrupted,
          "exit at once");
    tear_down("ends of runs");
}

void test_unmapping() {
    Machine m{0};
    m.load(guest_spin, guest_spin_end);
    m.state->deadline = native::ticks() + ticks_per_second / 100;
    m.run_to(ExitKind::Deadline, "mapped");
    m.state->deadline = abi::kNever;
    check(native::unmap(m.guest_memory) == Error::Ok, "unmapped");
    m.run_to(ExitKind::Mmio, "the translation is gone");
    check((m.state->exit.detail & abi::MmioDetail::kFetch) != 0, "on a fetch");
    check(native::map(m.guest_memory, m.vm, 0, kReadWrite) == Error::Ok, "mapped without execute");
    m.run_to(ExitKind::Mmio, "no execution");
    native::unmap(m.guest_memory);
    check(native::map(m.guest_memory, m.vm, 0xFFFF'FFFF'FFFF'0000, kReadWrite) ==
              Error::InvalidArgument,
          "beyond guest-physical space");
    check(native::map(m.guest_memory, m.vm, 0x800, kReadWrite) == Error::InvalidArgument,
          "misaligned");
    std::uint64_t last = 0;
    Error error = Error::Ok;
    const Slot page = next_slot++;
    for (; error == Error::Ok && last < 100; ++last) {
        native::retype(pool, abi::ObjectType::Frame, 12, page + static_cast<Slot>(last));
        error = native::map(page + static_cast<Slot>(last), m.vm, last << 30, kReadWrite);
    }
    check(error == Error::NoMemory, "the pool of tables ends, after pages: ", last);
    check(native::map(m.guest_memory, m.vm, 0, kAllAccess) == Error::AlreadyMapped,
          "what is mapped stays so");
    tear_down("unmapping");
}

/// Garbage in the state page may stop the guest in any way, but every run comes back and the kernel
/// lives.
void test_hostile_state() {
    Machine m{0};
    std::uint64_t seed = 1;
    const auto random = [&] {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        return seed ^= seed << 17;
    };
    auto* words = reinterpret_cast<std::uint64_t*>(m.state);
    unsigned kinds = 0, bad = 0;
    for (unsigned round = 0; round < 300; ++round) {
        if (round % 3 == 0) {
            for (unsigned i = 0; i < 512; ++i) words[i] = random();
        } else {
            m.reset();
            for (unsigned i = 0; i < 8; ++i)
                words[kFirstRegister + random() % kRegisterCount] = random();
        }
        m.state->dirty = static_cast<std::uint32_t>(random());
        if (round % 2 == 0) m.state->dirty = ~0U;
        m.state->inject = round % 5 == 0 ? random() | kAnyEvent : 0;
        m.state->control = static_cast<std::uint32_t>(random()) & 3;
        m.state->deadline = native::ticks() + ticks_per_second / 1000;
        if (native::vcpu_run(m.vcpu) != Error::Ok) ++bad;
        kinds |= 1U << (static_cast<std::uint32_t>(m.state->exit.kind) & 31);
        if (native::vcpu_control(m.vcpu, abi::VcpuOperation::GetState) != Error::Ok) ++bad;
    }
    check(bad == 0, "hostile state pages: exits of kinds ", std::uint64_t{kinds});
    tear_down("hostile state");
}

// ---- several threads

void test_guests_side_by_side() {
    Machine machines[kWorkers] = {Machine{0}, Machine{1}, Machine{2}};
    for (unsigned i = 0; i < kWorkers; ++i) {
        machines[i].load(guest_identity, guest_identity_end);
        set_identity(*machines[i].state, 0x1111'1111ULL * (i + 1));
        start_worker(i, machines[i].vcpu);
    }
    const std::uint64_t end = native::ticks() + 120 * ticks_per_second;
    while (!(worker_done[0] && worker_done[1] && worker_done[2]) && native::ticks() < end)
        native::yield();
    for (const Machine& m : machines) {
        check(m.state->exit.kind == ExitKind::Halt,
              "a guest kept its registers, exits in the kernel ", m.state->exits_in_kernel);
    }
    tear_down("side by side");
}

void test_ends_of_vms() {
    {
        Machine m{0};
        tear_down("a VM that never ran");
        check(native::vcpu_run(m.vcpu) == Error::InvalidCapability, "its vCPU is gone");
    }
    for (unsigned way = 0; way < 6; ++way) {
        constexpr const char* kNames[] = {"destroyed",          "its capability deleted",
                                          "its memory revoked", "vCPU deleted",
                                          "thread suspended",   "thread deleted"};
        Machine m{0, true};
        m.load(guest_spin, guest_spin_end);
        const Slot thread = start_worker(0, m.vcpu);
        wait_until([&] { return text_contains(m.vm, "state: running"); });
        check(!worker_done[0] && program_counter(*m.state) != 0, kNames[way], " while it runs");
        check(native::vcpu_run(m.vcpu) == Error::InvalidState, "only one thread runs a vCPU");
        check(native::vcpu_control(m.vcpu, abi::VcpuOperation::GetState) == Error::InvalidState,
              "its state cannot be read meanwhile");
        switch (way) {
            case 0:
                check(request(m.vm, scheme::Operation::Call,
                              static_cast<std::uint64_t>(abi::hv::VmCall::Destroy))
                              .error == Error::Ok,
                      "destroy");
                check(text_contains(m.vm, "state: destroying"), "its state says so");
                break;
            case 1:
                native::delete_capability(m.vm);
                break;
            case 2:
                break;  // tear_down does
            case 3:
                native::delete_capability(m.vcpu);
                break;
            case 4:
                native::thread_control(thread, abi::ThreadOperation::Suspend);
                break;
            case 5:
                native::delete_capability(thread);
                break;
        }
        if (way < 2 || way == 3) {
            wait_until([] { return worker_done[0]; });
            check(
                worker_done[0] && worker_result[0] == static_cast<std::uint64_t>(Error::Cancelled),
                "its run returned Cancelled");
        }
        if (way < 2) check(native::vcpu_run(m.vcpu) == Error::Cancelled, "and cannot be repeated");
        if (way >= 4) {
            native::vcpu_control(m.vcpu, abi::VcpuOperation::Kick);
            check(native::vcpu_run(m.vcpu) == Error::Ok, "another thread may run it");
        }
        tear_down(kNames[way]);
    }
}

/// Many VMs in a row: ASIDs are reused, and nothing is lost.
void test_many() {
    bool good = true;
    for (unsigned i = 0; i < 40; ++i) {
        Machine m{0, true};
        m.load(guest_halt, guest_halt_end);
        good = good && m.run() == Error::Ok && m.state->exit.kind == ExitKind::Halt;
        native::revoke(pool);
        good = good && native::identify(pool).value.free_bytes == 1ULL << kPoolBits;
        next_slot = first_free;
    }
    check(good, "forty VMs in a row");
}

[[noreturn]] void end() {
    put(failures == 0 ? "probe: all held\r\n" : "probe: not all held\r\n");
    end_machine(failures == 0 ? 0 : 1);
    for (;;) native::yield();
}

extern "C" [[noreturn]] void probe(const abi::BootInfo* boot) {
    root = boot->hv_slot;
    next_slot = boot->first_free_slot;
    initialize_machine(*boot, next_slot);
    ticks_per_second = native::system_info(abi::SystemInfoKind::TicksPerSecond);
    for (unsigned i = 0; i < boot->untyped_count; ++i) {
        if (boot->untyped[i].is_device == 0 && boot->untyped[i].size_bits > kPoolBits)
            untyped = boot->untyped[i].slot;
    }
    pool = next_slot++;
    check(native::retype(untyped, abi::ObjectType::Untyped, kPoolBits, pool) == Error::Ok,
          "memory");
    first_free = next_slot;
    check(root != 0, "this processor virtualizes");
    if (root == 0) end();
    test_paths();
    test_ends_of_runs();
    test_architecture();
    test_unmapping();
    test_hostile_state();
    test_guests_side_by_side();
    test_ends_of_vms();
    test_many();
    end();
}
}  // namespace
}  // namespace redoubt::probe
