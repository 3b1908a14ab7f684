// Stopping and going on together; memory and registers meanwhile.
#include "vmmd/debug/guest_debugger.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

#include "arch/register_transfer.hpp"
#include "arch/registers.hpp"
#include "vmmd/linear_memory.hpp"
#include "vmmd/machine.hpp"

namespace redoubt::vmmd {

namespace {

using gdb::BreakpointKind;
using gdb::Stop;

std::string hexadecimal(std::uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof text, "%#llx", static_cast<unsigned long long>(value));
    return text;
}

std::string_view name_of(BreakpointKind kind) {
    switch (kind) {
        case BreakpointKind::WatchWrite:
            return "watchpoint for writes";
        case BreakpointKind::WatchRead:
            return "watchpoint for reads";
        case BreakpointKind::WatchAccess:
            return "watchpoint";
        case BreakpointKind::Software:
        case BreakpointKind::Hardware:
            break;
    }
    return "hardware breakpoint";
}

}  // namespace

// -- the VM

void GuestDebugger::machine_coming(bool waits) {
    const std::scoped_lock lock(mutex_);
    state_ = waits ? State::Waiting : State::Free;
    coming_ = true;
}

void GuestDebugger::machine_up(Machine& machine) {
    const std::scoped_lock lock(mutex_);
    machine_ = &machine;
    coming_ = false;
    machine.vcpus().set_parked_hook([this] { all_parked(); });
    if (state_ == State::Free) return;
    machine.vcpus().hold(VcpuGroup::Holder::Debugger);
    tell(true);
}

void GuestDebugger::machine_resets() {
    const std::scoped_lock lock(mutex_);
    // gdb puts them in again when it goes on the next time.
    remove_software();
    stops_.clear();
    later_.clear();
    if (state_ == State::Stopped) state_ = State::Stopping;
}

void GuestDebugger::machine_gone() {
    const std::scoped_lock lock(mutex_);
    remove_software();
    hardware_.clear();
    stops_.clear();
    later_.clear();
    state_ = State::Free;
    machine_ = nullptr;
    coming_ = told_ = false;
    if (const auto notify = std::exchange(notify_, {})) notify(std::nullopt);
}

bool GuestDebugger::stands_still() const {
    const std::scoped_lock lock(mutex_);
    return state_ == State::Waiting || state_ == State::Stopped || state_ == State::Stopping;
}

bool GuestDebugger::stop_waiting() {
    const std::scoped_lock lock(mutex_);
    if (state_ != State::Waiting) return false;
    state_ = State::Free;
    if (machine_ != nullptr) release();
    return true;
}

void GuestDebugger::remove_software() {
    software_.remove_all();
    linear_.clear();
}

// -- stopping

std::expected<void, std::string> GuestDebugger::connect(Notify notify) {
    const std::scoped_lock lock(mutex_);
    if (machine_ == nullptr && !coming_) return std::unexpected("is not running");
    const bool detaching = state_ == State::Detaching && !notify_;
    if (state_ != State::Free && state_ != State::Waiting && !detaching) {
        return std::unexpected("has a debugger already; only one can be connected at a time");
    }
    notify_ = std::move(notify);
    if (detaching) return {};  // its turn comes when the last one's breakpoints are gone
    begin_stop(State::Stopping);
    return {};
}

void GuestDebugger::begin_stop(State state) {
    state_ = state;
    if (machine_ == nullptr) return;  // it will be held before its first run
    // Who is the last to be parked calls all_parked(); perhaps it has been before.
    if (machine_->vcpus().hold(VcpuGroup::Holder::Debugger)) let_go();
}

void GuestDebugger::vcpu_stopped(Stop stop) {
    const std::scoped_lock lock(mutex_);
    stops_.push_back(std::move(stop));
    if (state_ == State::Running) begin_stop(State::Stopping);
}

void GuestDebugger::all_parked() {
    const std::scoped_lock lock(mutex_);
    if (machine_ != nullptr && machine_->vcpus().all_parked()) let_go();
}

/// All vCPUs are parked: what was waited for can be done.
void GuestDebugger::let_go() {
    if (state_ == State::Detaching) {
        release();
        if (notify_) begin_stop(State::Stopping);
        return;
    }
    if (state_ != State::Stopping) return;
    for (unsigned i = 0; i < machine_->vcpu_count(); ++i) {
        auto& debug = machine_->vcpu(i).debug();
        if (!debug.attached()) debug.attach(*this, software_);
        debug.set_step(false);
    }
    Stop stop;
    if (!stops_.empty()) {
        stop = std::move(stops_.front());
        stops_.pop_front();
    }
    // Whoever came second stopped before an instruction and will so again, or has written what is
    // watched: that would be lost.
    std::erase_if(stops_, [](const Stop& other) {
        return other.reason != Stop::Reason::WatchWrite &&
               other.reason != Stop::Reason::WatchRead && other.reason != Stop::Reason::WatchAccess;
    });
    std::ranges::move(std::exchange(later_, {}), std::back_inserter(stops_));
    state_ = State::Stopped;
    tell(true);
    if (notify_) notify_(std::move(stop));
}

void GuestDebugger::let_run(std::uint64_t stay) {
    if (machine_->vcpus().release(VcpuGroup::Holder::Debugger, stay)) {
        tell(false);
    } else {
        told_ = false;  // who pauses it as well will tell when it runs
    }
}

void GuestDebugger::tell(bool stands_still) {
    if (std::exchange(told_, stands_still) != stands_still) actions_.stands_still(stands_still);
}

void GuestDebugger::interrupt() {
    const std::scoped_lock lock(mutex_);
    if (machine_ != nullptr && state_ == State::Running) begin_stop(State::Stopping);
}

void GuestDebugger::resume(std::span<const gdb::Motion> motions) {
    const std::scoped_lock lock(mutex_);
    if (!stopped()) return;
    // gdb is not told of a vCPU that it does not let go on.
    const auto told = std::ranges::find_if(stops_, [&](const Stop& stop) {
        return stop.vcpu < motions.size() && motions[stop.vcpu] != gdb::Motion::Stay;
    });
    if (told != stops_.end()) {
        std::rotate(stops_.begin(), told, told + 1);
        state_ = State::Stopping;
        return let_go();
    }
    later_ = std::exchange(stops_, {});
    std::uint64_t stay = 0;
    for (unsigned i = 0; i < machine_->vcpu_count() && i < motions.size(); ++i) {
        machine_->vcpu(i).debug().set_step(motions[i] == gdb::Motion::Step);
        if (motions[i] == gdb::Motion::Stay) stay |= std::uint64_t{1} << i;
    }
    // Whoever could wake a halted one may be among those that stay: its step is the next
    // instruction's.
    for (unsigned i = 0; stay != 0 && i < motions.size(); ++i) {
        if (motions[i] == gdb::Motion::Step) machine_->vcpu(i).leave_halt();
    }
    state_ = State::Running;
    let_run(stay);
}

void GuestDebugger::disconnect() {
    const std::scoped_lock lock(mutex_);
    notify_ = {};
    if (machine_ == nullptr) {
        state_ = State::Free;
        return;
    }
    switch (state_) {
        case State::Stopped:
            return release();
        case State::Stopping:
            state_ = State::Detaching;
            return;
        case State::Running:
            return begin_stop(State::Detaching);
        case State::Free:
        case State::Waiting:
        case State::Detaching:
            return;
    }
}

/// Removes everything and lets the guest run. All vCPUs are parked, or none has run yet.
void GuestDebugger::release() {
    remove_software();
    hardware_.clear();
    stops_.clear();
    later_.clear();
    for (unsigned i = 0; i < machine_->vcpu_count(); ++i) {
        if (machine_->vcpu(i).debug().attached()) machine_->vcpu(i).debug().detach();
    }
    state_ = State::Free;
    let_run(0);
}

bool GuestDebugger::reset() {
    {
        const std::scoped_lock lock(mutex_);
        if (!stopped()) return false;
        // Told when all are parked before their first instruction.
        state_ = State::Stopping;
    }
    actions_.reset();
    return true;
}

void GuestDebugger::kill() {
    actions_.kill();
    disconnect();
}

// -- while everything stands still

unsigned GuestDebugger::vcpus() const {
    const std::scoped_lock lock(mutex_);
    return machine_ != nullptr ? machine_->vcpu_count() : 0;
}

std::optional<gdb::Registers> GuestDebugger::read_registers(unsigned vcpu) {
    const std::scoped_lock lock(mutex_);
    if (!stopped()) return std::nullopt;
    return to_gdb(machine_->vcpu(vcpu).state());
}

bool GuestDebugger::write_registers(unsigned vcpu, const gdb::Registers& registers) {
    const std::scoped_lock lock(mutex_);
    if (!stopped()) return false;
    auto& loop = machine_->vcpu(vcpu);
    const auto address = isa::code_address(loop.state());
    from_gdb(loop.state(), registers);
    // Who is sent elsewhere shall not wait for an interrupt first.
    if (isa::code_address(loop.state()) != address) loop.leave_halt();
    return true;
}

std::size_t GuestDebugger::read_memory(unsigned vcpu, std::uint64_t address,
                                       std::span<std::uint8_t> into) {
    const std::scoped_lock lock(mutex_);
    if (!stopped()) return 0;
    const auto& state = machine_->vcpu(vcpu).state();
    std::size_t done = 0;
    while (done < into.size()) {
        const auto from =
            isa::memory_at(state, machine_->memory(), address + done, into.size() - done);
        if (from.empty()) break;
        const auto part = into.subspan(done, from.size());
        std::ranges::copy(from, part.begin());
        software_.hide(*physical(vcpu, address + done), part);
        done += from.size();
    }
    return done;
}

bool GuestDebugger::write_memory(unsigned vcpu, std::uint64_t address,
                                 std::span<const std::uint8_t> bytes) {
    const std::scoped_lock lock(mutex_);
    if (!stopped()) return false;
    const auto& state = machine_->vcpu(vcpu).state();
    // First whether all of it can be, then all of it.
    for (const bool really : {false, true}) {
        for (std::size_t done = 0; done < bytes.size();) {
            const auto into =
                isa::memory_at(state, machine_->memory(), address + done, bytes.size() - done);
            if (into.empty()) return false;
            if (really) {
                software_.write_under(*physical(vcpu, address + done), into,
                                      bytes.subspan(done, into.size()));
            }
            done += into.size();
        }
    }
    return true;
}

std::optional<std::uint64_t> GuestDebugger::physical(unsigned vcpu, std::uint64_t address) const {
    return isa::physical_address(machine_->vcpu(vcpu).state(), machine_->memory(), address);
}

bool GuestDebugger::insert(unsigned vcpu, const gdb::Breakpoint& breakpoint) {
    const std::scoped_lock lock(mutex_);
    if (!stopped()) return false;
    if (breakpoint.kind == BreakpointKind::Software) {
        constexpr auto kBytes = SoftwareBreakpoints::kBytes;
        const auto bytes = isa::memory_at(machine_->vcpu(vcpu).state(), machine_->memory(),
                                          breakpoint.address, kBytes);
        if (bytes.size() < kBytes) return false;
        const auto at = *physical(vcpu, breakpoint.address);
        software_.insert(at, bytes.first<kBytes>());
        linear_[breakpoint.address] = at;
        return true;
    }
    // The same on all vCPUs, so that one that refuses is the first: the one whose address it is.
    const auto count = machine_->vcpu_count();
    for (unsigned i = 0; i < count; ++i) {
        if (!machine_->vcpu((vcpu + i) % count).debug().insert(breakpoint)) return false;
    }
    if (std::ranges::find(hardware_, breakpoint) == hardware_.end())
        hardware_.push_back(breakpoint);
    return true;
}

void GuestDebugger::remove(const gdb::Breakpoint& breakpoint) {
    const std::scoped_lock lock(mutex_);
    if (!stopped()) return;
    if (breakpoint.kind == BreakpointKind::Software) {
        if (const auto at = linear_.extract(breakpoint.address)) software_.remove(at.mapped());
        return;
    }
    for (unsigned i = 0; i < machine_->vcpu_count(); ++i)
        machine_->vcpu(i).debug().remove(breakpoint);
    std::erase(hardware_, breakpoint);
}

std::string GuestDebugger::describe(unsigned vcpu) {
    const std::scoped_lock lock(mutex_);
    return stopped() ? machine_->vcpu(vcpu).describe() : std::string();
}

std::string GuestDebugger::describe_all() {
    const std::scoped_lock lock(mutex_);
    if (!stopped()) return "the guest runs\n";
    std::string text;
    for (unsigned i = 0; i < machine_->vcpu_count(); ++i) {
        const auto& state = machine_->vcpu(i).state();
        text += machine_->vcpu(i).describe() + ", " + summarize_registers(state) + "\n";
    }
    for (const auto& breakpoint : hardware_) {
        text +=
            std::string(name_of(breakpoint.kind)) + " at " + hexadecimal(breakpoint.address) + "\n";
    }
    for (const auto address : software_.addresses()) {
        text += "breakpoint at guest-physical " + hexadecimal(address) + "\n";
    }
    return text;
}

}  // namespace redoubt::vmmd
