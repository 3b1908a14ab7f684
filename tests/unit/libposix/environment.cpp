// See environment.hpp.
#include "tests/unit/libposix/environment.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "libposix/process.hpp"
#include "libposix/start.hpp"
#include "tests/unit/libhvcall/native/fake_kernel.hpp"

namespace redoubt::posix {
struct ProgramStart {
    std::uintptr_t stack_pointer;
    std::uintptr_t entry;
};
extern "C" ProgramStart redoubt_start(const abi::StartupInfo* startup, std::uintptr_t stack_top);
extern "C" Frame* redoubt_thread_main(Thread* self);
extern "C" long redoubt_dispatch(const Frame* frame);

// What entry.S has: on the host nothing is reflected, and new threads enter C++ directly.
extern "C" void redoubt_reflect_entry() {}
extern "C" void redoubt_thread_entry() {}
extern "C" void redoubt_resume(const Frame* frame) {
    auto* body = reinterpret_cast<void (*)()>(frame->pc);
    body();
    std::fprintf(stderr, "a test's thread returned\n");
    std::abort();
}
}  // namespace redoubt::posix

namespace redoubt::test {
namespace {

constexpr std::size_t kHeapSize = 4 << 20;
constexpr std::uintptr_t kFreeBase = 0x3000'0000'0000;
constexpr std::uintptr_t kFreeEnd = 0x3100'0000'0000;

abi::StartupInfo info;
posix::ProgramStart started;
std::array<std::uint64_t, 4096> program_stack;

void add_name(const char* name, abi::CapabilityIndex slot) {
    abi::NamespaceEntry& entry = info.names[info.namespace_count++];
    std::snprintf(entry.name, sizeof(entry.name), "%s", name);
    entry.slot = slot;
    entry.kind = static_cast<std::uint32_t>(abi::GrantKind::Scheme);
}

struct Environment : testing::Environment {
    void SetUp() override {
        FakeKernel& kernel = FakeKernel::instance();
        kernel.add_untyped(static_cast<native::Slot>(abi::StartupSlot::Untyped), kUntypedBits);
        kernel.add_endpoint(static_cast<native::Slot>(abi::StartupSlot::Parent),
                            [](native::Message&, abi::IpcBuffer&) {});
        kernel.set_thread_body([](std::uint64_t, std::uint64_t argument) {
            posix::redoubt_resume(
                posix::redoubt_thread_main(reinterpret_cast<posix::Thread*>(argument)));
        });
        void* const heap =
            mmap(nullptr, kHeapSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        info.magic = abi::kStartupInfoMagic;
        info.heap_base = arg(static_cast<char*>(heap));
        info.heap_size = kHeapSize;
        info.free_address_base = kFreeBase;
        info.free_address_end = kFreeEnd;
        info.stack_top = arg(program_stack.data() + program_stack.size());
        info.program_entry = 0x401000;
        info.program_headers = 0x400040;
        info.program_header_size = 56;
        info.program_header_count = 7;
        info.cnode_size_bits = 20;
        info.first_free_slot = 64;
        info.argument_count = 3;
        constexpr char kArguments[] = "program\0--option\0value";
        std::memcpy(info.strings, kArguments, sizeof(kArguments));
        info.strings_size = sizeof(kArguments);
        add_name("files", kFilesRoot);
        add_name("chan", kChannelRoot);
        add_name("stream", kStreamRoot);
        started = posix::redoubt_start(&info, 0);
    }
};

const testing::Environment* const environment = testing::AddGlobalTestEnvironment(new Environment);

}  // namespace

const abi::StartupInfo& startup_info() { return info; }
std::uintptr_t first_stack_pointer() { return started.stack_pointer; }
std::uintptr_t first_entry() { return started.entry; }

long linux_call(std::uint64_t number, std::uint64_t a, std::uint64_t b, std::uint64_t c,
                std::uint64_t d, std::uint64_t e, std::uint64_t f) {
    posix::Frame frame{};
    frame.number = number;
    frame.a0 = a;
    frame.a1 = b;
    frame.a2 = c;
    frame.a3 = d;
    frame.a4 = e;
    frame.a5 = f;
    return posix::redoubt_dispatch(&frame);
}

}  // namespace redoubt::test
