// What the hypervisor core does on riscv64: every exit, interrupts as levels, the guest's timer,
// user mode in a guest.
#include "tests/system/hv/support.hpp"

GUEST(exits);
GUEST(walk);
GUEST(paging);
GUEST(handler);
GUEST(open);
GUEST(waiter);
GUEST(timer);
GUEST(drop);
GUEST(user);
GUEST(clear);
GUEST(vectors);

namespace redoubt::probe {

const char* const kBackendLine = "backend: hext";
const unsigned kFirstRegister = offsetof(abi::VcpuState, gpr) / 8,
               kRegisterCount = offsetof(abi::VcpuState, exits_in_kernel) / 8 - kFirstRegister;
const std::uint64_t kAnyEvent = 0;

void reset_registers(abi::VcpuState& state) {
    state.mode = 1;
    state.vsstatus = state.vsie = state.vstvec = state.vsscratch = state.vsepc = 0;
    state.vscause = state.vstval = state.vsatp = state.time_delta = 0;
    state.scounteren = state.senvcfg = 0;
    state.timer = abi::kNever;
    state.dirty = static_cast<std::uint32_t>(abi::RegisterGroup::Supervisor) |
                  static_cast<std::uint32_t>(abi::RegisterGroup::Translations);
}
std::uint64_t program_counter(const abi::VcpuState& state) { return state.pc; }
void set_program_counter(abi::VcpuState& state, std::uint64_t value) { state.pc = value; }
std::uint64_t behind_exit(const abi::Exit& exit) { return exit.next_pc; }
void set_identity(abi::VcpuState& state, std::uint64_t value) {
    state.gpr[10] = value;
    state.gpr[11] = state.vlenb;
}

namespace {

enum Register { kT2 = 7, kA0 = 10, kA1, kA2, kA3, kA4, kA5, kA6, kA7, kS4 = 20, kS5 };
constexpr std::uint64_t kInterrupt = 1ULL << 63;
constexpr auto kSupervisor = static_cast<std::uint32_t>(abi::RegisterGroup::Supervisor);

/// An access as htinst shows it: the instruction without rs1 and the immediate.
struct Access {
    const char* name;
    std::uint32_t instruction;
    unsigned offset, length;
    bool write;
};
constexpr std::uint32_t kLoad = 0x03, kStore = 0x23;
constexpr std::uint32_t load(unsigned function, unsigned rd) {
    return kLoad | function << 12 | rd << 7;
}
constexpr std::uint32_t store(unsigned function, unsigned rs2) {
    return kStore | function << 12 | rs2 << 20;
}
constexpr std::uint32_t kExchange = 0x2F | 2U << 12 | 18U << 7 | 19U << 20;
/// QEMU 7.2 tells none of the instructions, and that an exchange only reads.
constexpr Access kAccesses[] = {
    {"lb", load(0, 5), 0, 4, false},
    {"lbu", load(4, 6), 1, 4, false},
    {"lh", load(1, 7), 2, 4, false},
    {"lhu", load(5, 9), 4, 4, false},
    {"lw", load(2, 11), 8, 4, false},
    {"lwu", load(6, 12), 12, 4, false},
    {"ld", load(3, 13), 16, 4, false},
    {"sb", store(0, 14), 24, 4, true},
    {"sh", store(1, 15), 26, 4, true},
    {"sw", store(2, 16), 28, 4, true},
    {"sd", store(3, 17), 32, 4, true},
    {"amoadd.w", kExchange, 0, 4, true},
    // Bit 1 clear: two bytes.
    {"c.lw", load(2, 11) & ~2U, 40, 2, false},
    {"c.ld", load(3, 11) & ~2U, 48, 2, false},
    {"c.sw", store(2, 11) & ~2U, 56, 2, true},
    {"c.sd", store(3, 11) & ~2U, 64, 2, true},
};

void test_exits() {
    Machine m{0};
    const Slot frame = next_slot++;
    native::retype(pool, abi::ObjectType::Frame, 12, frame);
    check(native::map(frame, m.vm, kReadOnlyAt, MapFlags::Read) == Error::Ok,
          "read-only guest page");
    check(native::map(m.memory, m.vm, 0x100000, kReadWrite) == Error::AlreadyMapped,
          "a frame is mapped once");
    m.load(guest_exits, guest_exits_end);
    m.state->gpr[kA0] = kUnmappedAt;
    m.state->gpr[kA7] = 0x10;
    m.state->gpr[kS4] = kUnmappedAt + 0x124;
    m.state->gpr[kS5] = kReadOnlyAt + 8;
    m.state->exception_exits = 1U << 3;
    m.run_to(ExitKind::Hypercall, "a call");
    check(m.state->gpr[kA7] == 0x10 && m.state->pc == kCode && m.state->exit.next_pc == kCode + 4 &&
              m.state->mode == 1,
          "its details");
    m.go_on();
    for (const Access& access : kAccesses) {
        const std::uint64_t pc = m.state->pc;
        m.run_to(ExitKind::Mmio, access.name);
        const abi::Exit& exit = m.state->exit;
        check(exit.info1 == kUnmappedAt + access.offset && exit.info2 == exit.info1 &&
                  (exit.detail == (access.write ? abi::MmioDetail::kWrite : 0) ||
                   access.instruction == kExchange),
              "its address");
        constexpr std::uint64_t kRs1 = 31 << 15;
        if (exit.instruction != 0) {
            check((exit.instruction & ~kRs1) == access.instruction, "its instruction ",
                  exit.instruction);
            check(exit.next_pc == pc + access.length, "its length");
        }
        m.state->pc = pc + access.length;
    }
    m.run_to(ExitKind::Mmio, "write to read-only memory");
    check(m.state->exit.info1 == kReadOnlyAt + 8, "its address");
    m.state->pc += 4;
    m.run_to(ExitKind::Instruction, "a counter");
    check(m.state->exit.instruction == 0xC00022F3, "its instruction ", m.state->exit.instruction);
    m.state->pc += 4;
    m.run_to(ExitKind::Instruction, "a register of the hypervisor");
    m.state->pc += 4;
    m.run_to(ExitKind::Exception, "an exception asked for");
    check(m.state->exit.detail == 3, "its cause");
    m.state->pc += 4;
    m.run_to(ExitKind::Halt, "WFI");
    check(m.state->exit.info1 == 0, "nothing could end it");
    m.go_on();
    m.run_to(ExitKind::Mmio, "a jump");
    check(m.state->exit.info1 == kUnmappedAt + 0x124 && m.state->exit.instruction == 0 &&
              m.state->exit.detail == abi::MmioDetail::kFetch,
          "its address");
    check(text_contains(m.vm, "hypercall 1") && text_contains(m.vm, "state: paused"),
          "the VM's text");

    m.load(guest_walk, guest_walk_end);
    m.reset();
    constexpr std::uint64_t kSv39 = 8ULL << 60;
    m.state->gpr[kA0] = kSv39 | kUnmappedAt >> 12;
    m.run_to(ExitKind::Mmio, "a page walk");
    check(m.state->exit.detail == abi::MmioDetail::kPageTable &&
              m.state->exit.info1 == kUnmappedAt && m.state->exit.instruction == 0 &&
              m.state->vsatp == (kSv39 | kUnmappedAt >> 12),
          "its address");
    tear_down("exits");
}

/// Two stages of translation, and changes of either.
void test_paging() {
    Machine m{0};
    constexpr std::uint64_t kRoot = 0x8000, kMiddle = 0x9000, kLast = 0xA000, kFirst = 0xB000,
                            kSecond = 0xC000, kElsewhere = 0x20'0000, kAt = 1 << 30;
    constexpr std::uint64_t kSv39 = 8ULL << 60, kPointer = 1, kLeaf = 0xCF;
    m.load(guest_paging, guest_paging_end);
    const auto word = [&](std::uint64_t at) -> volatile std::uint64_t& {
        return *reinterpret_cast<volatile std::uint64_t*>(m.bytes + at);
    };
    const auto entry = [](std::uint64_t at, std::uint64_t bits) { return at >> 12 << 10 | bits; };
    word(kRoot) = entry(0, kLeaf);
    word(kRoot + 8) = entry(kMiddle, kPointer);
    word(kMiddle) = entry(kLast, kPointer);
    word(kLast) = entry(kFirst, kLeaf);
    word(kFirst) = 111;
    word(kSecond) = 222;
    m.state->gpr[kA0] = kSv39 | kRoot >> 12;
    m.state->gpr[kA1] = kAt;
    m.run_to(ExitKind::Hypercall, "a guest's own page");
    check(m.state->gpr[kA2] == 111, "its content");
    word(kLast) = entry(kSecond, kLeaf);
    m.go_on();
    m.run_to(ExitKind::Hypercall, "another one");
    check(m.state->gpr[kA2] == 222, "its content");
    word(kLast) = entry(kElsewhere, kLeaf);
    m.go_on();
    for (unsigned round = 0; round < 2; ++round) {
        m.run_to(ExitKind::Mmio, "one that is not there");
        check(m.state->exit.info1 == kElsewhere && m.state->exit.info2 == kAt &&
                  m.state->exit.detail == 0,
              "its addresses");
        const Slot frame = next_slot++;
        native::retype(pool, abi::ObjectType::Frame, 12, frame);
        check(native::map(frame, m.vm, kElsewhere, MapFlags::Read) == Error::Ok, "is mapped");
        m.run_to(ExitKind::Hypercall, "and read");
        check(m.state->gpr[kA2] == 0, "its content");
        native::unmap(frame);
        m.go_on();
    }
    // Another fence, for an entry that changes without the guest's knowing.
    word(kLast) = entry(kFirst, kLeaf);
    m.state->dirty = static_cast<std::uint32_t>(abi::RegisterGroup::Translations);
    m.run_to(ExitKind::Hypercall, "the first again");
    check(m.state->gpr[kA2] == 111, "its content");
    tear_down("paging");
}

Error protect(const Machine& m, std::uint64_t offset, MapFlags flags, Slot frame) {
    return call(m.vm, abi::hv::VmCall::Protect, {abi::hv::Protection{offset, flags, 0}}, frame);
}
std::uint64_t used_tables(const Machine& m) {
    return request(m.vm, scheme::Operation::Call,
                   static_cast<std::uint64_t>(abi::hv::VmCall::Statistics))
        .mr[2];
}

void test_protection() {
    Machine m{0};
    m.load(guest_spin, guest_spin_end);
    check(protect(m, kCode, kReadWrite, m.guest_memory) == Error::Ok, "a page without execution");
    m.run_to(ExitKind::Mmio, "no execution");
    check((m.state->exit.detail & abi::MmioDetail::kFetch) != 0, "on a fetch");
    check(protect(m, kCode, MapFlags::Execute, m.guest_memory) == Error::Ok, "execution alone");
    m.state->deadline = native::ticks() + ticks_per_second / 100;
    m.run_to(ExitKind::Deadline, "is enough for it");
    check(protect(m, kCode, kAllAccess, m.guest_memory) == Error::Ok, "all rights again");
    m.state->deadline = native::ticks() + ticks_per_second / 100;
    m.run_to(ExitKind::Deadline, "it runs");
    m.state->deadline = abi::kNever;
    for (const auto flags : {MapFlags::None, MapFlags::Write, MapFlags::Write | MapFlags::Execute,
                             static_cast<MapFlags>(0x81)})
        check(protect(m, 0, flags, m.guest_memory) == Error::InvalidArgument, "no such rights");
    check(protect(m, 0x800, kAllAccess, m.guest_memory) == Error::InvalidArgument, "misaligned");
    check(protect(m, 1 << 16, kAllAccess, m.guest_memory) == Error::InvalidArgument, "beyond it");
    check(protect(m, 0, kAllAccess, m.memory) == Error::NotMapped, "mapped elsewhere");
    check(protect(m, 0, kAllAccess, m.vm) == Error::InvalidCapability, "no frame");

    // A large page is in pieces meanwhile, and whole again afterwards.
    constexpr unsigned kLargeBits = 21;
    constexpr std::uint64_t kAddress = 1 << 30, kPage = 4096;
    const Slot large = next_slot++;
    native::retype(pool, abi::ObjectType::Frame, kLargeBits, large);
    check(native::map(large, m.vm, kAddress, kAllAccess) == Error::Ok, "a large page");
    const auto before = used_tables(m);
    check(protect(m, 5 * kPage, MapFlags::Read, large) == Error::Ok, "a page in it");
    check(protect(m, 9 * kPage, MapFlags::Read, large) == Error::Ok, "another");
    check(used_tables(m) == before + kPage, "takes a table");
    check(protect(m, 5 * kPage, kAllAccess, large) == Error::Ok && used_tables(m) == before + kPage,
          "and keeps it");
    check(protect(m, 9 * kPage, kAllAccess, large) == Error::Ok && used_tables(m) == before,
          "until no page differs");
    check(protect(m, 5 * kPage, MapFlags::Read, large) == Error::Ok, "in pieces once more");
    check(native::unmap(large) == Error::Ok, "it can be unmapped");
    check(native::map(large, m.vm, kAddress, kAllAccess) == Error::Ok && used_tables(m) == before,
          "and mapped as a whole");
    bool always = true;
    for (unsigned i = 0; i <= abi::hv::kMaximumSplitPages; ++i) {
        always &= protect(m, 5 * kPage, MapFlags::Read, large) == Error::Ok;
        native::unmap(large);
        always &= native::map(large, m.vm, kAddress, kAllAccess) == Error::Ok;
    }
    check(always && used_tables(m) == before, "as often as one likes");
    tear_down("protection");
}

/// Guest-physical addresses that only a larger format of the second-level tables has.
void test_formats() {
    constexpr struct {
        const char* name;
        unsigned bits;
        std::uint64_t high;
    } kFormats[] = {
        {"sv39x4", 41, 1ULL << 39}, {"sv48x4", 50, 1ULL << 45}, {"sv57x4", 59, 1ULL << 55}};
    for (const auto& format : kFormats) {
        const Slot caps = next_slot++;
        open(root, "caps", caps);
        const bool offered = text_contains(caps, format.name);
        native::delete_capability(caps);
        check(offered, format.name, " is offered");
        Machine m{0, false, format.bits};
        const Slot high = next_slot++, beyond = next_slot++;
        native::copy(m.memory, abi::Rights::All, high);
        native::copy(m.memory, abi::Rights::All, beyond);
        check(native::map(high, m.vm, format.high, kReadWrite) == Error::Ok, "is mapped");
        check(native::map(beyond, m.vm, 1ULL << format.bits, kReadWrite) == Error::InvalidArgument,
              "there is no more");
        m.load(guest_paging, guest_paging_end);
        constexpr std::uint64_t kData = 0xB000;
        *reinterpret_cast<volatile std::uint64_t*>(m.bytes + kData) = format.bits;
        m.state->gpr[kA0] = 0;
        m.state->gpr[kA1] = format.high + kData;
        m.run_to(ExitKind::Hypercall, "memory up there");
        check(m.state->gpr[kA2] == format.bits, "its content");
        native::unmap(high);
        m.go_on();
        m.run_to(ExitKind::Mmio, "it is gone");
        check(m.state->exit.info1 == format.high + kData, "its address");
        tear_down(format.name);
    }
    const Slot vm = next_slot++;
    check(open(root, "vm", vm, true, pool, kVmBits, 60).error == Error::NotSupported &&
              open(root, "vm", vm, true, pool, kVmBits, ~0ULL).error == Error::NotSupported,
          "more than any has");
    tear_down("formats");
}

void test_interrupts() {
    Machine m{0};
    m.load(guest_open, guest_open_end);
    m.load(guest_handler, guest_handler_end, kHandler);
    m.state->gpr[kA0] = kHandler;
    m.state->gpr[kA1] = abi::kInterruptExternal | abi::kInterruptTimer | abi::kInterruptSoftware;
    do {
        m.state->deadline = native::ticks() + ticks_per_second / 50;
        m.run_to(ExitKind::Deadline, "no interrupt");
    } while (m.state->pc < kCode + 12);
    check(m.state->vsie == m.state->gpr[kA1] && m.state->vstvec == kHandler, "its registers");
    m.state->deadline = abi::kNever;
    constexpr struct {
        std::uint64_t inject, cause;
    } kLines[] = {{abi::kInjectExternal, 9}, {abi::kInjectTimer, 5}, {abi::kInjectSoftware, 1}};
    for (const auto& line : kLines) {
        m.state->inject = line.inject;
        m.run_to(ExitKind::Hypercall, "the handler runs");
        check(m.state->gpr[kA6] == (kInterrupt | line.cause) && m.state->inject == line.inject,
              "for ", line.cause);
        m.go_on();
        m.run_to(ExitKind::Hypercall, "and again, as the line is");
        m.state->inject = 0;
        m.go_on();
        m.state->deadline = native::ticks() + ticks_per_second / 100;
        m.run_to(ExitKind::Deadline, "until it is cleared");
        m.state->deadline = abi::kNever;
    }
    m.load(guest_waiter, guest_waiter_end);
    m.reset();
    m.state->gpr[kA1] = abi::kInterruptExternal;
    m.state->inject = abi::kInjectSoftware | abi::kInjectTimer;
    m.run_to(ExitKind::Halt, "WFI");
    check(m.state->exit.info1 == abi::kInterruptExternal, "it waits for another one");
    m.state->inject |= abi::kInjectExternal;
    m.run_to(ExitKind::Hypercall, "that one ends it");
    check(m.state->gpr[kA6] == 0x77, "without an exit");
    m.state->inject = 0;
    m.go_on();
    m.run_to(ExitKind::Halt, "WFI");

    m.load(guest_clear, guest_clear_end);
    m.reset();
    m.state->inject = abi::kInjectExternal | abi::kInjectSoftware;
    m.run_to(ExitKind::Hypercall, "a call");
    check(m.state->inject == abi::kInjectExternal, "the guest cleared its software interrupt");
    m.go_on();
    m.run_to(ExitKind::Hypercall, "another");
    check(m.state->inject == (abi::kInjectExternal | abi::kInjectSoftware), "and set it");
    tear_down("interrupts");
}

/// Where there is no Sstc, the guest has no timer of its own.
void test_timer() {
    const Slot caps = next_slot++;
    open(root, "caps", caps);
    Machine m{0};
    m.load(guest_timer, guest_timer_end);
    m.load(guest_handler, guest_handler_end, kHandler);
    m.state->gpr[kA0] = kHandler;
    m.state->gpr[kA1] = ticks_per_second / 100;
    m.state->gpr[kT2] = kInterrupt | 5;
    m.state->time_delta = 1ULL << 40;
    m.state->dirty |= kSupervisor;
    const bool sstc = text_contains(caps, "sstc");
    native::delete_capability(caps);
    if (!sstc) {
        m.run_to(ExitKind::Hypercall, "no timer");
        check(m.state->gpr[kA6] == 2, "is an illegal instruction");
        return tear_down("timer");
    }
    m.run_to(ExitKind::Hypercall, "its timer");
    const std::uint64_t now = native::ticks();
    check(m.state->gpr[kA6] == m.state->gpr[kT2] && m.state->timer <= now + (1ULL << 40) &&
              m.state->timer > 1ULL << 40,
          "is late by ", now + (1ULL << 40) - m.state->timer);
    m.state->timer = abi::kNever;
    m.state->dirty = kSupervisor;
    m.go_on();
    m.state->gpr[kA1] = ticks_per_second;
    m.run_to(ExitKind::Halt, "WFI");
    check(m.state->exit.info1 == abi::kInterruptTimer && m.state->exit.info2 == m.state->timer &&
              m.state->timer > native::ticks() + (1ULL << 40),
          "tells the timer");
    while (native::ticks() < m.state->timer - m.state->time_delta) native::yield();
    m.run_to(ExitKind::Hypercall, "the timer ends WFI");
    check(m.state->gpr[kA6] == 0x78, "without an exit");
    tear_down("timer");
}

void test_user_mode() {
    Machine m{0};
    m.load(guest_drop, guest_drop_end);
    m.load(guest_handler, guest_handler_end, kHandler);
    m.load(guest_user, guest_user_end, 0x4000);
    m.state->gpr[kA0] = kHandler;
    m.state->gpr[kA1] = 0x4000;
    m.run_to(ExitKind::Instruction, "user mode waits");
    check(m.state->mode == 0 && m.state->pc == 0x4000 && m.state->exit.instruction == 0x1050'0073,
          "its mode");
    m.state->pc += 4;
    m.run_to(ExitKind::Hypercall, "a call of the guest's own");
    check(m.state->gpr[kA6] == 8 && m.state->mode == 1 && m.state->vsepc == 0x4004,
          "goes to its handler");
    m.state->vsepc += 4;
    m.state->dirty = kSupervisor;
    m.go_on();
    m.run_to(ExitKind::Instruction, "a counter it was not given");
    check(native::ticks() != 0, "while the host has it");
    tear_down("user mode");
}

/// The guest's vector registers, as the monitor sees and changes them.
void test_vectors() {
    constexpr std::uint64_t kInGuest = 0x1234'5678'9ABC'DEF0, kFromMonitor = 0x0F0F'1111'2222'3333;
    Machine m{0};
    m.load(guest_vectors, guest_vectors_end);
    m.load(guest_handler, guest_handler_end, kHandler);
    m.state->gpr[kA7] = kHandler;
    m.state->gpr[kA0] = kInGuest;
    m.state->gpr[kA1] = kFromMonitor;
    const std::uint64_t bytes = m.state->vlenb;
    if (bytes == 0) {
        m.run_to(ExitKind::Hypercall, "no vector registers");
        check(m.state->gpr[kA6] == 2, "are an illegal instruction");
        return tear_down("vectors");
    }
    m.run_to(ExitKind::Hypercall, "vector registers");
    check(native::vcpu_control(m.vcpu, abi::VcpuOperation::GetState, abi::RegisterGroup::Fpu) ==
              Error::Ok,
          "of bytes: ", bytes);
    auto* words = reinterpret_cast<volatile std::uint64_t*>(m.state->v);
    unsigned wrong = 0;
    for (unsigned i = 0; i < 32 * bytes / 8; ++i) wrong += words[i] != kInGuest;
    check(wrong == 0, "are told, but for ", std::uint64_t{wrong});
    constexpr std::uint64_t kType = 0xC9;  // e16, m2, ta, ma
    check(m.state->vl == 3 && m.state->vtype == kType && m.state->vstart == 2 && m.state->vcsr == 5,
          "and their control, vtype ", m.state->vtype);
    for (unsigned i = 8 * bytes / 8; i < 16 * bytes / 8; ++i) words[i] = kFromMonitor;
    m.state->vl = 2;
    m.state->vstart = 1;
    m.state->vcsr = 3;
    m.state->dirty = static_cast<std::uint32_t>(abi::RegisterGroup::Fpu);
    m.go_on();
    m.run_to(ExitKind::Hypercall, "they change");
    check(m.state->gpr[kA2] == 0, "but for ", m.state->gpr[kA2]);
    check(m.state->gpr[kA3] == 2 && m.state->gpr[kA4] == kType && m.state->gpr[kA5] == 1 &&
              m.state->gpr[kA6] == 3,
          "and their control");
    tear_down("vectors");
}

}  // namespace

void test_architecture() {
    test_exits();
    test_paging();
    test_protection();
    test_formats();
    test_interrupts();
    test_timer();
    test_user_mode();
    test_vectors();
}

}  // namespace redoubt::probe
