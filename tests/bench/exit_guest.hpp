// A guest for the benchmarks of exits, and how its round trips are measured. What its registers and
// its memory hold at the start is the architecture's (arch's guest_state.hpp).
#pragma once

#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "abi/object.hpp"
#include "libhvcall/hypervisor.hpp"
#include "libhvcall/native/ipc.hpp"
#include "libposix/native_services.hpp"
#include "tests/bench/samples.hpp"

#ifdef __riscv
#include "tests/bench/riscv64/guest_state.hpp"
#else
#include "tests/bench/x86_64/guest_state.hpp"
#endif

namespace redoubt::bench {

using abi::ExitKind;
using hvcall::GuestPhysicalAddress;

[[noreturn]] inline void fail(const char* what, const abi::VcpuState& state) {
    std::printf("BENCH FAILED %s: exit %u detail %u info %llx pc %llx\n", what,
                static_cast<unsigned>(state.exit.kind), state.exit.detail,
                static_cast<unsigned long long>(state.exit.info1),
                static_cast<unsigned long long>(program_counter(state)));
    std::exit(1);
}

/// One VM with one vCPU and memory from kMemoryBase on.
class Guest {
  public:
    explicit Guest(hvcall::Hypervisor& hypervisor) : vm_(hypervisor.create_vm(kMostTables)) {
        vm_->add_memory(GuestPhysicalAddress{kMemoryBase}, kMemory);
        vcpu_ = vm_->create_vcpu(0);
        make_tables([this](std::uint64_t address, std::uint64_t value) {
            if (!memory().write(GuestPhysicalAddress{address}, value)) std::abort();
        });
    }
    Guest(const Guest&) = delete;
    ~Guest() { vcpu_.reset(); }

    abi::VcpuState& state() { return vcpu_->state(); }
    hvcall::Vcpu& vcpu() { return *vcpu_; }
    hvcall::Vm& vm() { return *vm_; }
    const hvcall::GuestMemory& memory() const { return vm_->memory(); }

    /// Puts a routine at kCode and points the vCPU there.
    void load(const std::uint8_t* begin, const std::uint8_t* end) {
        copy(kCode, begin, end);
        set_start(state());
        hvcall::mark_dirty(state(), abi::RegisterGroup::All);
    }

    void copy(std::uint64_t address, const std::uint8_t* begin, const std::uint8_t* end) {
        if (!memory().copy_in(GuestPhysicalAddress{address}, {begin, end})) std::abort();
    }

    void run_to(ExitKind kind, const char* what) {
        do vcpu_->run();
        while (state().exit.kind == ExitKind::Interrupted);
        if (state().exit.kind != kind) fail(what, state());
    }

  private:
    static constexpr std::uint64_t kMemory = 32ULL << 20;
    static constexpr std::uint64_t kMostTables = 16ULL << 30;  // room for LazyMemory's

    std::unique_ptr<hvcall::Vm> vm_;
    std::unique_ptr<hvcall::Vcpu> vcpu_;
};

/// Pages that a monitor gives the only VM when its guest touches them.
class LazyMemory {
  public:
    LazyMemory(unsigned page_bits, std::uint32_t count)
        : page_bits_(page_bits), services_(*posix::native_services()) {
        const auto hv = services_.find_grant("hv");
        vm_ = services_.allocate_slots(1);
        pages_ = services_.allocate_slots(count);
        const auto bits = static_cast<unsigned>(std::bit_width(count - 1)) + page_bits;
        const auto memory = services_.allocate_untyped(bits);
        if (native::scheme::open(hv, "vm/1", abi::scheme::OpenFlags::None, vm_).error !=
                abi::Error::Ok ||
            native::retype(memory, abi::ObjectType::Frame, page_bits, pages_, count) !=
                abi::Error::Ok) {
            std::printf("BENCH FAILED no memory to map lazily\n");
            std::exit(1);
        }
    }

    void map_page(std::uint64_t address) {
        using enum abi::MapFlags;
        native::map(pages_ + used_++, vm_, address >> page_bits_ << page_bits_, Read | Write);
    }

  private:
    const unsigned page_bits_;
    const posix::NativeServices& services_;
    abi::CapabilityIndex vm_ = 0, pages_ = 0;
    std::uint32_t used_ = 0;
};

/// The time from one return of run() to the next, `handle` in between.
template <class Handle>
void measure_rounds(Guest& guest, const char* name, ExitKind kind, const Handle& handle) {
    begin_row(name);
    Samples times(kWarmUp + kRounds);
    auto& vcpu = guest.vcpu();
    auto& state = guest.state();
    for (std::uint64_t& time : times) {
        vcpu.run();
        if (state.exit.kind != kind) fail(name, state);
        handle(state);
        time = ticks();
    }
    Samples samples(kRounds);
    for (std::size_t i = 0; i < kRounds; ++i)
        samples[i] = times[kWarmUp + i] - times[kWarmUp + i - 1];
    report("exits", name, samples);
}

/// Runs the guest once and deals with exits of that kind; false: it has halted.
template <class Answer>
auto answering(Guest& guest, const char* name, ExitKind kind, Answer answer) {
    return [&guest, name, kind, answer] {
        auto& state = guest.state();
        guest.vcpu().run();
        if (state.exit.kind == ExitKind::Halt) return false;
        if (state.exit.kind == kind) {
            answer(state);
        } else if (state.exit.kind != ExitKind::Interrupted) {
            fail(name, state);
        }
        return true;
    };
}

/// What the guest's own loop measured, less the cost of measuring. `run` until it gives false.
template <class Run>
void measure_inside(Guest& guest, const char* name, const std::uint8_t* begin,
                    const std::uint8_t* end, const Start& start, const Run& run) {
    begin_row(name);
    guest.load(begin, end);
    set_arguments(guest.state(), start);
    while (run()) {
    }
    Samples samples(start.rounds);
    for (std::size_t i = 0; i < start.rounds; ++i) {
        samples[i] =
            guest.memory().read<std::uint64_t>(GuestPhysicalAddress{kResults + 8 * i}).value() -
            kMeasuringOverhead;
    }
    report("exits", name, samples);
}

/// Every row.
void measure_exits(hvcall::Hypervisor& hypervisor);

}  // namespace redoubt::bench
