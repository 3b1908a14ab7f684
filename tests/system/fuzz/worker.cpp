// A thread that makes system calls, most of which could succeed, for as long as it lives.
#include "tests/system/fuzz/worker.hpp"

#include "abi/hv.hpp"
#include "abi/scheme.hpp"

namespace redoubt::fuzz {

alignas(4096) unsigned char worker_stacks[kAllWorkers][kStackBytes];

namespace {

using abi::Error;
using abi::ObjectType;
using abi::SyscallNumber;
namespace scheme = abi::scheme;

class Worker {
  public:
    explicit Worker(unsigned index) : index_{index}, random_{control().random[index]} {}

    void step() {
        fill_buffer();
        if (random_.one_in(16)) return repeat();
        switch (random_.below(33)) {
            case 0:
            case 1:
                return anything();
            case 2:
            case 3:
            case 4:
                return retype();
            case 5:
            case 6:
                return copy();
            case 7:
            case 8:
            case 9:
                call(SyscallNumber::CapDelete, cnode(), victim());
                return;
            case 10:
                call(SyscallNumber::CapRevoke, cnode(), victim());
                return;
            case 11:
                call(SyscallNumber::CapIdentify, some_slot());
                return;
            case 12:
            case 13:
                return map();
            case 14:
                call(SyscallNumber::Unmap, pick(ObjectType::Frame));
                return;
            case 15:
                return configure();
            case 16:
                return control_thread();
            case 17:
            case 18:
            case 19:
                return send();
            case 20:
            case 21:
            case 22:
                return receive();
            case 23:
                call(SyscallNumber::Signal, pick(ObjectType::Notification));
                return;
            case 24:
                call(SyscallNumber::Wait, pick(ObjectType::Notification), deadline());
                return;
            case 25:
                return devices();
            case 26:
            case 27:
            case 28:
                return hv_request();
            case 29:
            case 30:
                return vcpu();
            case 31:
                return schedule();
            default:
                return touch();
        }
    }

  private:
    /// Makes a call, one of whose arguments may be replaced by something odd.
    Error call(SyscallNumber number, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
               std::uint64_t d = 0, std::uint64_t e = 0, std::uint64_t f = 0) {
        native::Registers r{a, b, c, d, e, f};
        if (random_.one_in(10)) {
            std::uint64_t* fields[] = {&r.a0, &r.a1, &r.a2, &r.a3, &r.a4, &r.a5};
            *fields[random_.below(6)] = odd_value();
        }
        return make({number, r});
    }

    struct Recorded {
        SyscallNumber number;
        native::Registers registers;
    };

    Error make(const Recorded& wanted) {
        native::Registers r = wanted.registers;
        count(control().calls[index_]);
        const Error error = native::invoke(wanted.number, r);
        first_word_ = r.a2;
        const std::uint64_t which = static_cast<std::uint64_t>(wanted.number) - abi::kNativeBase;
        if (which < kCalls) {
            count(error == Error::Ok ? control().accepted[which] : control().refused[which]);
        }
        const std::uint64_t results[] = {r.a0, r.a1, r.a2, r.a3, r.a4, r.a5};
        for (const std::uint64_t result : results) look_at(result, Leak::Result);
        if (random_.one_in(8)) look_around();
        if (error == Error::Ok && random_.one_in(4)) recorded_[random_.below(kRecorded)] = wanted;
        return error;
    }

    /// Calls that went well before, one after the other, each with something changed.
    void repeat() {
        for (std::uint64_t i = 1 + random_.below(4); i != 0; --i) {
            Recorded wanted = recorded_[random_.below(kRecorded)];
            if (wanted.number == SyscallNumber::Exit || wanted.number == SyscallNumber{}) continue;
            native::Registers& r = wanted.registers;
            std::uint64_t* fields[] = {&r.a0, &r.a1, &r.a2, &r.a3, &r.a4, &r.a5};
            std::uint64_t& field = *fields[random_.below(6)];
            switch (random_.below(4)) {
                case 0:
                    field ^= std::uint64_t{1} << random_.below(64);
                    break;
                case 1:
                    field += random_.below(9) - 4;
                    break;
                case 2:
                    field = odd_value();
                    break;
                default:
                    break;  // the same again
            }
            make(wanted);
        }
    }

    static void look_at(std::uint64_t word, Leak where) {
        if (is_secret(word)) control().leak = where;
    }
    static void look_at(const volatile std::uint64_t* words, unsigned count, Leak where) {
        for (unsigned i = 0; i < count; ++i) look_at(words[i], where);
    }

    /// What came without being asked for.
    static void look_around() {
        std::uint64_t words[kVectorWords];
        read_vector_registers(words);
        look_at(words, kVectorWords, Leak::VectorRegister);
        look_at(native::ipc_buffer().words, 448, Leak::Message);
    }

    std::uint64_t odd_value() {
        switch (random_.below(8)) {
            case 0:
                return 0;
            case 1:
                return ~std::uint64_t{0};
            case 2:
                return std::uint64_t{1} << random_.below(64);
            case 3:
                return (std::uint64_t{1} << random_.below(64)) - 1;
            case 4:
                return some_slot() | random_.below(64) << 32;
            case 5:
                return abi::kUserAddressEnd + random_.below(3) * 0x1000;
            case 6:
                return some_slot();
            default:
                return random_.next();
        }
    }

    Slot some_slot() { return static_cast<Slot>(random_.below(kSlots + 1)); }
    /// Mostly what the workers made themselves, so that there is something to work with for a
    /// while.
    Slot victim() {
        if (random_.one_in(64)) return some_slot();
        return kFirstFree + static_cast<Slot>(random_.below(kSlots - kFirstFree));
    }
    Slot cnode() {
        constexpr Slot kChoices[] = {0, 0, kOwnCNode, kOtherCNode};
        return random_.one_in(16) ? some_slot() : kChoices[random_.below(4)];
    }
    /// Where the driver puts a capability of that type.
    Slot granted(ObjectType type) {
        switch (type) {
            case ObjectType::Untyped:
                return kUntyped;
            case ObjectType::Frame:
                return kBuffer0 + static_cast<Slot>(random_.below(kWorkers));
            case ObjectType::CNode:
                return kOwnCNode;
            case ObjectType::AddressSpace:
                return kOwnSpace + static_cast<Slot>(random_.below(2));
            case ObjectType::Thread:
                return kThread0 + static_cast<Slot>(random_.below(kWorkers));
            case ObjectType::Endpoint:
                return kEndpoint1 + static_cast<Slot>(random_.below(2));
            case ObjectType::Notification:
                return kNotification1 + static_cast<Slot>(random_.below(2));
            case ObjectType::Reply:
                return kReply1 + static_cast<Slot>(random_.below(2));
            case ObjectType::Irq:
                return kIrq;
            default:
                return some_slot();
        }
    }
    /// A slot that holds such a capability, if a few looks find one.
    Slot pick(ObjectType type) {
        Slot slot = random_.one_in(2) ? granted(type) : some_slot();
        for (unsigned i = 0; i < 40; ++i, slot = slot % kSlots + 1) {
            count(control().calls[index_]);
            const auto identity = native::identify(slot);
            if (identity && identity.value.type == type) break;
        }
        return slot;
    }
    Slot pick_empty() {
        Slot slot = some_slot();
        for (unsigned i = 0; i < 40; ++i, slot = slot % kSlots + 1) {
            count(control().calls[index_]);
            if (slot != 0 && !native::identify(slot)) break;
        }
        return slot;
    }

    std::uint64_t deadline() {
        switch (random_.below(4)) {
            case 0:
                return 0;
            case 1:
                return abi::kNever;
            default:
                return native::ticks() + random_.below(2'000'000);
        }
    }
    std::uint64_t address() {
        switch (random_.below(8)) {
            case 0:
                return random_.next() & ~0xFFFULL;
            case 1:
                return kBufferAddress + random_.below(kAllWorkers) * 0x1000;
            case 2:
                return random_.below(16) << (random_.one_in(2) ? 39 : 34);
            case 3:
                return random_.below(32) << 12;
            default:
                return kWindowAddress + (random_.below(64) << (random_.one_in(3) ? 21 : 12));
        }
    }
    std::uint64_t rights() { return random_.one_in(3) ? random_.below(64) : 0x3F; }
    std::uint64_t priority() { return 20 + random_.below(100); }

    void anything() {
        if (random_.one_in(64)) {
            native::Registers r{};
            native::invoke(static_cast<SyscallNumber>(random_.below(0x1000)), r);
            return;
        }
        if (random_.one_in(200)) {
            call(SyscallNumber::Exit);
            return;
        }
        std::uint64_t number = abi::kNativeBase + random_.below(kCalls + 2);
        if (number == static_cast<std::uint64_t>(SyscallNumber::Exit)) number = random_.next();
        if (number < abi::kNativeBase) number += abi::kNativeBase;
        call(static_cast<SyscallNumber>(number), odd_value(), odd_value(), odd_value(), odd_value(),
             odd_value(), odd_value());
    }

    void fill_buffer() {
        abi::IpcBuffer& buffer = native::ipc_buffer();
        for (auto& slot : buffer.send) slot = some_slot();
        buffer.receive_first = some_slot();
        buffer.receive_count = static_cast<std::uint32_t>(random_.below(6));
        if (random_.one_in(8)) {
            for (unsigned i = 0; i < 16; ++i) buffer.words[random_.below(448)] = odd_value();
        }
    }

    void retype() {
        constexpr ObjectType kTypes[] = {
            ObjectType::Untyped,      ObjectType::Frame,
            ObjectType::Frame,        ObjectType::CNode,
            ObjectType::AddressSpace, ObjectType::Thread,
            ObjectType::Endpoint,     ObjectType::Notification,
            ObjectType::Reply,        ObjectType::SchedulingContext,
        };
        const ObjectType type = kTypes[random_.below(10)];
        std::uint64_t bits = 0;
        switch (type) {
            case ObjectType::Untyped:
                bits = 12 + random_.below(7);
                break;
            case ObjectType::Frame:
                bits = random_.one_in(4) ? 16 + random_.below(4) : 12 + random_.below(3);
                break;
            case ObjectType::CNode:
                bits = 12 + random_.below(3);
                break;
            case ObjectType::AddressSpace:
                bits = 14 + random_.below(3);
                break;
            default:
                break;
        }
        call(SyscallNumber::Retype, pick(ObjectType::Untyped),
             static_cast<std::uint64_t>(type) | bits << 32,
             random_.one_in(3) ? 1 + random_.below(4) : 1, random_.one_in(3) ? cnode() : 0,
             pick_empty());
    }

    void copy() {
        const std::uint64_t badge = random_.one_in(3) ? odd_value() : 0;
        call(SyscallNumber::CapCopy, some_slot(), rights(), random_.one_in(3) ? cnode() : 0,
             pick_empty(), badge);
    }

    void map() {
        const Slot space = random_.one_in(3) ? pick(ObjectType::Vm)
                                             : (random_.one_in(2) ? Slot{kOwnSpace}
                                                                  : pick(ObjectType::AddressSpace));
        const std::uint64_t flags = random_.one_in(8) ? random_.below(64) : 1 + random_.below(3);
        const std::uint64_t at = address();
        const Error error = call(SyscallNumber::Map, pick(ObjectType::Frame), space, at, flags);
        // It may be mapped elsewhere, or be gone again: then this faults.
        if (error == Error::Ok && space == kOwnSpace && random_.one_in(2))
            look_at(reinterpret_cast<const volatile std::uint64_t*>(at), 512, Leak::Mapping);
    }

    void put_words(const void* argument, unsigned bytes) {
        const auto* from = static_cast<const unsigned char*>(argument);
        auto* to = reinterpret_cast<unsigned char*>(native::ipc_buffer().words);
        for (unsigned i = 0; i < bytes; ++i) to[i] = from[i];
    }

    void configure() {
        const Slot thread = pick(ObjectType::Thread);
        const unsigned number = static_cast<unsigned>(random_.below(kAllWorkers));
        const std::uint64_t most = priority();
        const abi::ThreadConfiguration configuration{
            random_.one_in(8) ? pick(ObjectType::AddressSpace) : Slot{kOwnSpace},
            random_.one_in(4) ? pick(ObjectType::CNode) : Slot{kOwnCNode},
            pick(ObjectType::Frame),
            random_.one_in(4) ? pick(ObjectType::Endpoint) : Slot{kFaultEndpoint},
            random_.below(1000) + 100,
            kBufferAddress + number * 0x1000,
            random_.one_in(16) ? reinterpret_cast<std::uint64_t>(worker_entry) : 0,
            static_cast<std::uint32_t>(random_.below(most + 1)),
            static_cast<std::uint32_t>(most)};
        put_words(&configuration, sizeof configuration);
        if (call(SyscallNumber::ThreadConfigure, thread) != Error::Ok) return;
        const abi::ThreadStart start{
            random_.one_in(8) ? odd_value() : reinterpret_cast<std::uint64_t>(worker_entry),
            reinterpret_cast<std::uint64_t>(worker_stacks[number]) + kStackBytes, number, 0};
        put_words(&start, sizeof start);
        call(SyscallNumber::ThreadControl, thread,
             static_cast<std::uint64_t>(abi::ThreadOperation::SetContext));
        call(SyscallNumber::ThreadControl, thread,
             static_cast<std::uint64_t>(abi::ThreadOperation::Resume));
    }

    void control_thread() {
        const auto operation = static_cast<abi::ThreadOperation>(random_.below(9));
        const Slot thread = random_.one_in(8) ? 0 : pick(ObjectType::Thread);
        std::uint64_t value = odd_value();
        if (operation == abi::ThreadOperation::SetPriority) value = priority();
        if (operation == abi::ThreadOperation::BindNotification)
            value = random_.one_in(3) ? 0 : pick(ObjectType::Notification);
        if (operation == abi::ThreadOperation::SetReflection) value = 0;
        if (operation == abi::ThreadOperation::SetScheduling)
            value = pick(ObjectType::SchedulingContext);
        call(SyscallNumber::ThreadControl, thread, static_cast<std::uint64_t>(operation), value);
    }

    std::uint64_t info() {
        const std::uint64_t label = random_.one_in(16) ? random_.next() : random_.below(64);
        const auto words =
            static_cast<unsigned>(random_.one_in(3) ? random_.below(470) : random_.below(5));
        const auto capabilities = static_cast<unsigned>(random_.one_in(2) ? 0 : random_.below(6));
        return abi::MessageInfo{static_cast<std::uint32_t>(label), words, capabilities}.raw;
    }
    std::uint64_t endpoint_and_reply() {
        std::uint64_t word = pick(ObjectType::Endpoint);
        if (!random_.one_in(6)) word |= std::uint64_t{pick(ObjectType::Reply)} << 32;
        return word;
    }

    void schedule() {
        // From a thousandth of the time to all of it, in periods of a few milliseconds.
        const std::uint64_t period =
            random_.one_in(8) ? odd_value()
                              : native::system_info(abi::SystemInfoKind::TicksPerSecond) / 500;
        const std::uint64_t budget = random_.one_in(3) ? 0 : period >> random_.below(10);
        call(SyscallNumber::SchedulingControl, pick(ObjectType::SchedulingContext),
             random_.below(2), random_.below(1100), random_.one_in(8) ? odd_value() : budget,
             period);
    }

    void send() {
        const std::uint64_t message = info();
        call(SyscallNumber::Call, pick(ObjectType::Endpoint), message, odd_value(), odd_value(), 3,
             4);
    }
    void receive() {
        if (random_.one_in(3)) {
            const std::uint64_t message = info();
            call(SyscallNumber::Reply, pick(ObjectType::Reply), message, 1, 2, 3, 4);
        } else if (random_.one_in(2)) {
            call(SyscallNumber::Recv, endpoint_and_reply());
        } else {
            const std::uint64_t message = info();
            call(SyscallNumber::ReplyRecv, endpoint_and_reply(), message, 1, 2, 3, 4);
        }
    }

    void devices() {
        switch (random_.below(4)) {
            case 0:
                call(SyscallNumber::IrqControl, kIrqControl, random_.below(2), random_.below(30),
                     pick_empty());
                return;
            case 1:
                call(SyscallNumber::IrqControl, pick(ObjectType::Irq), 2 + random_.below(2),
                     random_.one_in(4) ? 0 : pick(ObjectType::Notification), 0);
                return;
            case 2:
                call(SyscallNumber::PortIo, kPorts, 0x80 + random_.below(18),
                     random_.below(6) | random_.below(2) << 8, random_.next());
                return;
            default:
                call(SyscallNumber::SystemInfo, random_.below(6));
                call(SyscallNumber::Yield);
                return;
        }
    }

    /// Puts a path into the buffer; gives its length.
    std::uint64_t put_path() {
        constexpr const char* kPaths[] = {
            "caps",   "vm",      "vm/#", "vm/#/memory", "vm/#/vcpu/#", "vcpu/#",
            "memory", "/vcpu/#", "",     "vm/#/vcpu/"};
        auto* to = reinterpret_cast<char*>(&native::ipc_buffer().words[abi::kRegisterWords]);
        const char* path = kPaths[random_.below(10)];
        std::uint64_t length = 0;
        for (; *path != '\0'; ++path) {
            std::uint64_t number = last_vm_ + random_.below(3);
            if (*path != '#') {
                to[length++] = *path;
            } else if (length > 5 || path[1] == '\0') {
                to[length++] = static_cast<char>('0' + random_.below(5));
            } else {
                char digits[20];
                unsigned count = 0;
                do digits[count++] = static_cast<char>('0' + number % 10);
                while ((number /= 10) != 0);
                while (count != 0) to[length++] = digits[--count];
            }
        }
        if (random_.one_in(16)) to[random_.below(length + 1)] = static_cast<char>(random_.next());
        return random_.one_in(16) ? random_.below(5000) : length;
    }

    void hv_request() {
        abi::IpcBuffer& buffer = native::ipc_buffer();
        const bool in_vm = random_.one_in(2);
        const Slot target =
            in_vm ? pick(random_.one_in(2) ? ObjectType::Vm : ObjectType::Vcpu) : Slot{kHv};
        buffer.receive_first = pick_empty();
        buffer.receive_count = 1;
        if (random_.one_in(2)) {
            // What makes a VM, or a vCPU in one.
            const char* path = in_vm ? "vcpu/" : "vm";
            auto* to = reinterpret_cast<char*>(&buffer.words[abi::kRegisterWords]);
            std::uint64_t length = 0;
            for (; path[length] != '\0'; ++length) to[length] = path[length];
            if (in_vm) to[length++] = static_cast<char>('0' + random_.below(4));
            buffer.send[0] = pick(ObjectType::Untyped);
            const std::uint64_t message =
                abi::MessageInfo{static_cast<std::uint32_t>(scheme::Operation::Open), 8, 1}.raw;
            if (call(SyscallNumber::Call, target, message, 1, length, 16 + random_.below(4)) ==
                    Error::Ok &&
                !in_vm) {
                last_vm_ = first_word_;
            }
            return;
        }
        if (random_.one_in(3)) return table_request(target);
        const std::uint64_t operation = random_.one_in(4)
                                            ? static_cast<std::uint64_t>(scheme::Operation::Map)
                                            : random_.below(11);
        std::uint64_t mr1 = random_.below(4096);
        if (operation == static_cast<std::uint64_t>(scheme::Operation::Open)) mr1 = put_path();
        const auto sent = static_cast<unsigned>(random_.one_in(4) ? random_.below(5) : 0);
        call(SyscallNumber::Call, random_.one_in(4) ? pick(ObjectType::HvFile) : target,
             abi::MessageInfo{static_cast<std::uint32_t>(operation), 64, sent}.raw,
             random_.below(3), mr1, random_.below(30));
    }

    /// A doorbell, a page's rights or a CPUID table, mostly well-formed.
    void table_request(Slot target) {
        abi::IpcBuffer& buffer = native::ipc_buffer();
        for (unsigned i = 0; i < 8; ++i)
            buffer.words[abi::kRegisterWords + i] =
                random_.one_in(4) ? random_.next() : random_.below(8);
        buffer.words[abi::kRegisterWords] &= random_.one_in(4) ? ~0ULL : 0x00FF'FFFFULL;
        buffer.send[0] = pick(random_.one_in(8)   ? ObjectType::Vm
                              : random_.one_in(4) ? ObjectType::Frame
                                                  : ObjectType::Notification);
        if (!random_.one_in(4)) buffer.words[abi::kRegisterWords + 2] = 0;  // Doorbell::space
        const std::uint64_t lengths[] = {sizeof(abi::hv::Doorbell), sizeof(abi::hv::Protection), 32,
                                         64, random_.below(5000)};
        call(SyscallNumber::Call, target,
             abi::MessageInfo{static_cast<std::uint32_t>(scheme::Operation::Call),
                              static_cast<unsigned>(random_.one_in(4) ? random_.below(449) : 64),
                              random_.one_in(4) ? 0U : 1U}
                 .raw,
             random_.below(7), lengths[random_.below(5)]);
    }

    void vcpu() {
        const Slot slot = pick(ObjectType::Vcpu);
        if (native::identify(slot).value.type != ObjectType::Vcpu) return hv_request();
        if (random_.one_in(4)) {
            call(SyscallNumber::VcpuControl, slot, random_.below(3), random_.below(70));
            return;
        }
        abi::IpcBuffer& buffer = native::ipc_buffer();
        const Slot frame = pick_empty();
        buffer.receive_first = frame;
        buffer.receive_count = 1;
        native::Message message{
            abi::MessageInfo{static_cast<std::uint32_t>(scheme::Operation::Map), 2},
            {0, 4096, 0, 0}};
        const std::uint64_t at = kWindowAddress - 0x100'0000 + index_ * 0x1000;
        if (native::call(slot, message) == Error::Ok && message.info.label() == 0 &&
            native::map(frame, kOwnSpace, at, kReadWrite) == Error::Ok) {
            auto& state = *reinterpret_cast<abi::VcpuState*>(at);
            auto* words = reinterpret_cast<std::uint64_t*>(at);
            look_at(words, 512, Leak::VcpuState);
            for (std::uint64_t i = random_.below(12); i != 0; --i)
                words[random_.below(110)] = random_.next();
            program_counter(state) = random_.below(0x10000);
            state.dirty = static_cast<std::uint32_t>(random_.next());
            state.inject = random_.one_in(4) ? random_.next() : 0;
            state.control = static_cast<std::uint32_t>(random_.below(8));
            state.deadline = native::ticks() + random_.below(1'000'000);
            if (!random_.one_in(4)) native::delete_capability(frame);
        }
        call(SyscallNumber::VcpuRun, slot);
    }

    /// Reads or writes where something may be mapped.
    void touch() {
        auto* word = reinterpret_cast<volatile std::uint64_t*>(address());
        if (random_.one_in(6)) {
            if (random_.one_in(2)) {
                *word = random_.next();
            } else {
                first_word_ = *word;
            }
        }
        call(SyscallNumber::Yield);
    }

    static constexpr unsigned kRecorded = 12;

    unsigned index_;
    Random& random_;
    Recorded recorded_[kRecorded]{};
    std::uint64_t first_word_ = 0;  ///< mr0 of the last call's reply
    std::uint64_t last_vm_ = 1;
};

extern "C" [[noreturn]] void worker(std::uint64_t index) {
    Worker self{static_cast<unsigned>(index % kAllWorkers)};
    for (;;) self.step();
}
asm(".globl worker_entry\nworker_entry: call worker");

}  // namespace

}  // namespace redoubt::fuzz
