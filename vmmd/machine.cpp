// Building, starting and running a machine.
#include "vmmd/machine.hpp"

#include <stdexcept>
#include <system_error>
#include <thread>

#include "arch/memory_layout.hpp"
#include "libhvcall/error.hpp"
#include "vmmd/config/text.hpp"
#include "vmmd/trace/describe.hpp"

namespace redoubt::vmmd {

namespace {

std::runtime_error not_enough_memory(std::uint64_t wanted, std::uint64_t available) {
    return std::runtime_error("not enough memory: the VM is to have " + format_size(wanted) +
                              ", but only " + std::to_string(available >> 20) +
                              "M are free; give the VM less or the machine more");
}

std::unique_ptr<hvcall::Vm> create_vm(hvcall::Hypervisor& hypervisor, std::uint64_t memory_bytes) {
    // What cannot succeed must not take the memory from VMs that start at the same time.
    const auto available = hypervisor.available_memory();
    if (available < memory_bytes) throw not_enough_memory(memory_bytes, available);
    try {
        auto vm = hypervisor.create_vm(memory_bytes);
        for (const auto& range : memory_ranges(memory_bytes)) {
            vm->add_memory(range.base, range.bytes);
        }
        return vm;
    } catch (const hvcall::HypervisorError& error) {
        if (error.code() != abi::Error::NoMemory) throw;
        throw not_enough_memory(memory_bytes, available);
    }
}

}  // namespace

Machine::Machine(hvcall::Hypervisor& hypervisor, const MachineOptions& options)
    : hypervisor_(hypervisor),
      options_(options),
      clock_(hypervisor),
      group_(clock_, hypervisor),
      host_time_(hypervisor.ticks_per_second()),
      started_(hypervisor.ticks_now()),
      vm_(create_vm(hypervisor, options.config->memory_bytes)) {
    for (unsigned i = 0; i < options.config->cpus; ++i) {
        processors_.emplace_back(clock_).vcpu = vm_->create_vcpu(i);
    }
    platform_.emplace(platform_host());
    for (unsigned i = 0; i < options.config->cpus; ++i) {
        auto& processor = processors_[i];
        processor.loop = std::make_unique<VcpuLoop>(i, platform_->context(i), clock_, hypervisor_,
                                                    processor.timers, group_);
        group_.add(*processor.loop);
        processor.timers.set_earlier_hook([loop = processor.loop.get()] { loop->kick(); });
    }
}

Machine::~Machine() {
    for (auto& processor : processors_) processor.timers.set_earlier_hook({});
}

PlatformHost Machine::platform_host() {
    return {
        .config = *options_.config,
        .folder = options_.folder,
        .hypervisor = hypervisor_,
        .vm = *vm_,
        .memory = vm_->memory(),
        .clock = clock_,
        .serial = options_.serial,
        .log = options_.log,
        .vcpu = [this](unsigned vcpu) -> hvcall::Vcpu& { return *processors_[vcpu].vcpu; },
        .timers = [this](unsigned vcpu) -> TimerQueue& { return processors_[vcpu].timers; },
        // The loops are made after the platform, which may signal while it is being built.
        .kick =
            [this](unsigned vcpu) {
                if (auto& loop = processors_[vcpu].loop) loop->kick();
            },
        .send = [this](unsigned vcpu, VcpuSignal signal) { processors_[vcpu].loop->send(signal); },
        .power_off = [this] { group_.power_off(); },
        .reset =
            [this](std::string_view how) {
                options_.log("the guest resets itself " + std::string(how));
                group_.reset();
            },
    };
}

void Machine::power_on() {
    platform_->power_on();
    if (options_.load_linux) platform_->load_linux();
}

LoopEnd Machine::run() {
    group_.prepare_run();
    {
        std::vector<std::jthread> others;
        try {
            for (unsigned i = 1; i < processors_.size(); ++i) {
                others.emplace_back([this, i] { run_loop(i); });
            }
        } catch (const std::system_error& error) {
            group_.crash(0, std::string("no thread for a vCPU: ") + error.what());
        }
        run_loop(0);
    }
    return group_.take_end();
}

/// A loop that fails ends the run of all.
void Machine::run_loop(unsigned index) {
    try {
        processors_[index].loop->run();
    } catch (const std::exception& error) {
        group_.fail(index, error.what());
    }
}

const abi::VcpuState& Machine::complete_state(unsigned index) {
    auto& loop = *processors_[index].loop;
    loop.complete_state();
    return loop.state();
}

std::vector<TraceEntry> Machine::trace(const TraceQuery& query) const {
    std::vector<TraceEntry> entries;
    for (unsigned i = 0; i < processors_.size(); ++i) {
        for (const auto& record : processors_[i].loop->trace().last(ExitTrace::kRecords)) {
            entries.push_back({i, host_time_.nanoseconds(record.time.count - started_.count),
                               record, describe(record),
                               std::string(platform_->handler_of(record))});
        }
    }
    return select(std::move(entries), query);
}

}  // namespace redoubt::vmmd
