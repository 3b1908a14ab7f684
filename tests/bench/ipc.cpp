// Counts what the kernel's primitives cost: system calls, messages between two address spaces,
// signals, faults, mappings and retyping. Runs on Redoubt in place of vmmd; tools/bench makes the
// table.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "libhvcall/hypervisor.hpp"
#include "libhvcall/native_hv/native_hypervisor.hpp"
#include "libhvcall/native_hv/resources.hpp"
#include "tests/bench/samples.hpp"

// Code for the other address space (<arch>/ipc_partners.S); it is copied there.
extern "C" const std::uint8_t partner_code[], partner_code_end[];
extern "C" const std::uint8_t partner_server[], partner_waiter[], partner_faulter[];

namespace redoubt::bench {
namespace {

using abi::MapFlags;
using abi::ObjectType;
using hvcall::native_hv::kOwnAddressSpace;
using hvcall::native_hv::NativeServices;
using hvcall::native_hv::require;
using native::Slot;

constexpr std::uint64_t kPage = 4096;
// In its address space, below where programs are.
constexpr std::uint64_t kPartnerCode = 0x20'0000;
constexpr std::uint64_t kPartnerBuffer = 0x30'0000;
constexpr Slot kOwnCNode = static_cast<Slot>(abi::StartupSlot::CNode);
constexpr std::uint32_t kPriority = 100;  // what init gave this program
constexpr auto kReadWrite = MapFlags::Read | MapFlags::Write;

/// Objects made from one block of memory.
class Maker {
  public:
    explicit Maker(const NativeServices& services)
        : services_(services), memory_(services.allocate_untyped(20)) {
        if (memory_ == 0) throw hvcall::HypervisorError("no memory", abi::Error::NoMemory);
    }
    Slot slot() { return services_.allocate_slots(1); }
    Slot memory() const { return memory_; }
    Slot make(ObjectType type, unsigned size_bits = 0) {
        const Slot made = slot();
        require(native::retype(memory_, type, size_bits, made), "retype");
        return made;
    }
    std::uint64_t reserve_pages(unsigned count) {
        return services_.reserve_addresses(count * kPage, kPage);
    }

  private:
    const NativeServices& services_;
    Slot memory_;
};

/// A thread in another address space.
class Partner {
  public:
    Partner(Maker& maker, const std::uint8_t* entry, std::uint64_t argument,
            Slot fault_endpoint = 0)
        : thread_(maker.make(ObjectType::Thread)) {
        const Slot space = maker.make(ObjectType::AddressSpace, 16);
        const Slot code = maker.make(ObjectType::Frame, abi::kPageBits);
        const std::uint64_t window = maker.reserve_pages(1);
        require(native::map(code, kOwnAddressSpace, window, kReadWrite), "map");
        std::memcpy(reinterpret_cast<void*>(window), partner_code,
                    static_cast<std::size_t>(partner_code_end - partner_code));
        require(native::unmap(code), "unmap");
        require(native::map(code, space, kPartnerCode, MapFlags::Read | MapFlags::Execute), "map");
        const Slot buffer = maker.make(ObjectType::Frame, abi::kPageBits);
        require(native::map(buffer, space, kPartnerBuffer, kReadWrite), "map");
        require(native::thread_configure(thread_, {space, kOwnCNode, buffer, fault_endpoint, 1,
                                                   kPartnerBuffer, 0, kPriority, kPriority}),
                "configure");
        const auto start = kPartnerCode + static_cast<std::uint64_t>(entry - partner_code);
        require(native::thread_set_context(thread_, {start, 0, argument, 0}), "set context");
        require(native::thread_control(thread_, abi::ThreadOperation::Resume), "resume");
    }
    Partner(const Partner&) = delete;
    ~Partner() { native::delete_capability(thread_); }

  private:
    Slot thread_;
};

void set_own_priority(std::uint32_t priority) {
    require(native::thread_control(0, abi::ThreadOperation::SetPriority, priority), "priority");
}

void measure_messages(Maker& maker) {
    const Slot endpoint = maker.make(ObjectType::Endpoint);
    const Slot reply = maker.make(ObjectType::Reply);
    const Partner server(maker, partner_server, endpoint | std::uint64_t{reply} << 32);
    native::yield();  // until the server receives
    for (const unsigned words : {0U, abi::kRegisterWords}) {
        const char* name = words == 0 ? "call_reply" : "call_reply_4_words";
        begin_row(name);
        Samples samples = measure([&] {
            native::Message message{abi::MessageInfo{1, words}, {1, 2, 3, 4}};
            require(native::call(endpoint, message), "call");
        });
        report("ipc", name, samples);
    }
}

/// The waiter is better than this thread, so each signal is a switch there and back.
void measure_signal(Maker& maker) {
    const Slot notification = maker.make(ObjectType::Notification);
    set_own_priority(kPriority - 1);
    const Partner waiter(maker, partner_waiter, notification);
    begin_row("signal_wait");
    Samples samples = measure([&] { require(native::signal(notification), "signal"); });
    set_own_priority(kPriority);
    report("ipc", "signal_wait", samples);
}

/// Each answer lets the partner make the same fault again.
void measure_fault(Maker& maker) {
    const Slot endpoint = maker.make(ObjectType::Endpoint);
    const Slot reply = maker.make(ObjectType::Reply);
    const Partner faulter(maker, partner_faulter, 0, endpoint);
    require(native::recv(endpoint, reply).error, "recv");
    begin_row("fault_restart");
    Samples samples = measure([&] {
        const native::Received fault = native::reply_recv(endpoint, reply, {});
        require(fault.error, "reply and receive");
        if (fault.message.info.label() != abi::kFaultLabel) std::abort();
    });
    report("ipc", "fault_restart", samples);
}

/// Beside another page: the page tables are there.
void measure_mapping(Maker& maker) {
    const Slot neighbour = maker.make(ObjectType::Frame, abi::kPageBits);
    const Slot frame = maker.make(ObjectType::Frame, abi::kPageBits);
    const std::uint64_t address = maker.reserve_pages(2);
    require(native::map(neighbour, kOwnAddressSpace, address + kPage, kReadWrite), "map");
    Samples maps, unmaps;
    begin_row("map");
    for (std::size_t i = 0; i < kWarmUp + kRounds; ++i) {
        begin_round();
        const auto start = ticks();
        const auto mapped = native::map(frame, kOwnAddressSpace, address, kReadWrite);
        const auto middle = ticks();
        require(native::unmap(frame), "unmap");
        const auto end = ticks();
        require(mapped, "map");
        if (i < kWarmUp) continue;
        maps.push_back(middle - start - overhead());
        unmaps.push_back(end - middle - overhead());
    }
    report("ipc", "map", maps);
    report("ipc", "unmap", unmaps);
}

std::uint64_t retype_cost(Maker& maker, ObjectType type, unsigned size_bits) {
    const Slot slot = maker.slot();
    Samples samples;
    for (std::size_t i = 0; i < kWarmUp + kRounds; ++i) {
        begin_round();
        const auto start = ticks();
        const auto made = native::retype(maker.memory(), type, size_bits, slot);
        const auto end = ticks();
        require(made, "retype");
        if (i >= kWarmUp) samples.push_back(end - start - overhead());
        require(native::delete_capability(slot), "delete");
    }
    return median(samples);
}

/// Zeroing is what a frame of twice the size costs more, as the rest is the same.
void measure_retype(Maker& maker) {
    begin_row("retype_zeroed");
    const auto page = retype_cost(maker, ObjectType::Frame, abi::kPageBits);
    const auto two_pages = retype_cost(maker, ObjectType::Frame, abi::kPageBits + 1);
    report("ipc", "retype", page - (two_pages - page));
    report("ipc", "retype_zeroed", page);
}

void measure_all() {
    const NativeServices* services = posix::native_services();
    if (services == nullptr) throw std::runtime_error("this is not Redoubt");
    begin_row("syscall");
    Samples calls = measure([] { native::system_info(abi::SystemInfoKind::ProcessorCount); });
    report("ipc", "syscall", calls);
    Maker maker(*services);
    measure_messages(maker);
    measure_signal(maker);
    measure_fault(maker);
    measure_mapping(maker);
    Maker scratch(*services);  // has no other children: each object is made in the same place
    measure_retype(scratch);
}

}  // namespace
}  // namespace redoubt::bench

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    redoubt::hvcall::announce_ready();
    try {
        redoubt::bench::measure_all();
        std::printf("BENCH DONE\n");
    } catch (const std::exception& error) {
        std::printf("BENCH FAILED %s\n", error.what());
        return 1;
    }
    return 0;
}
