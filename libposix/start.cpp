// Process start: sets libposix up and builds the stack that a Linux program expects to find.
#include "libposix/start.hpp"

#include <linux/auxvec.h>

#include <string_view>

#include "libposix/process.hpp"
#include "libposix/processor.hpp"
#include "libposix/random.hpp"
#include "libposix/syscall/syscalls.hpp"

namespace redoubt::posix {
namespace {

/// Fills the new program's stack from the top down.
class StackBuilder {
  public:
    explicit StackBuilder(std::uintptr_t top) : at_(top & ~std::uintptr_t{15}) {}

    std::uintptr_t push_bytes(const void* data, std::size_t size) {
        at_ -= size;
        __builtin_memcpy(reinterpret_cast<void*>(at_), data, size);
        return at_;
    }
    std::uintptr_t push_string(std::string_view text) {
        at_ -= text.size() + 1;
        __builtin_memcpy(reinterpret_cast<void*>(at_), text.data(), text.size());
        reinterpret_cast<char*>(at_)[text.size()] = '\0';
        return at_;
    }
    /// "NAME=<hexadecimal>".
    std::uintptr_t push_hexadecimal(std::string_view name, std::uintptr_t value) {
        char text[64];
        std::size_t length = name.size();
        __builtin_memcpy(text, name.data(), length);
        for (int shift = 60; shift >= 0; shift -= 4) {
            text[length++] = "0123456789abcdef"[value >> shift & 15];
        }
        return push_string({text, length});
    }
    /// Room for `count` words such that the first is 16-byte aligned.
    std::uint64_t* reserve_words(std::size_t count) {
        at_ = (at_ - count * 8) & ~std::uintptr_t{15};
        return reinterpret_cast<std::uint64_t*>(at_);
    }

  private:
    std::uintptr_t at_;
};

/// The program's first stack pointer: argc, argv, 0, envp, 0, auxv (System V ABI, AMD64
/// supplement 3.4.1).
std::uintptr_t build_stack(const abi::StartupInfo& startup) {
    constexpr std::size_t kMaximumStrings = 64;
    constexpr std::size_t kOwnVariables = 3;
    std::uintptr_t strings[kMaximumStrings + kOwnVariables];
    StackBuilder stack{startup.stack_top};

    std::size_t given = startup.argument_count + startup.environment_count;
    if (given > kMaximumStrings) given = kMaximumStrings;
    const std::size_t arguments = startup.argument_count < given ? startup.argument_count : given;
    const char* text = startup.strings;
    for (std::size_t i = 0; i < given; ++i) {
        const std::string_view string{text};
        strings[i] = stack.push_string(string);
        text += string.size() + 1;
    }
    std::size_t count = given;
    // One malloc arena: others reserve 128 MiB of addresses each.
    strings[count++] = stack.push_string("GLIBC_TUNABLES=glibc.malloc.arena_max=1");
    strings[count++] =
        stack.push_hexadecimal("REDOUBT_STARTUP=", reinterpret_cast<std::uintptr_t>(&startup));
    strings[count++] = stack.push_hexadecimal(
        "REDOUBT_SERVICES=", reinterpret_cast<std::uintptr_t>(&native_service_table()));

    unsigned char random[16];
    fill_random(random, sizeof(random));
    const std::uintptr_t random_at = stack.push_bytes(random, sizeof(random));

    const std::uint64_t auxiliary[] = {
        AT_PHDR,   startup.program_headers,
        AT_PHENT,  startup.program_header_size,
        AT_PHNUM,  startup.program_header_count,
        AT_PAGESZ, kPageSize,
        AT_ENTRY,  startup.program_entry,
        AT_BASE,   0,
        AT_FLAGS,  0,
        AT_UID,    0,
        AT_EUID,   0,
        AT_GID,    0,
        AT_EGID,   0,
        AT_SECURE, 0,
        AT_CLKTCK, 100,
        AT_HWCAP,  processor_capabilities(),
        AT_RANDOM, random_at,
        AT_EXECFN, arguments > 0 ? strings[0] : random_at,
        AT_NULL,   0,
    };
    constexpr std::size_t kAuxiliaryWords = sizeof(auxiliary) / 8;
    std::uint64_t* word = stack.reserve_words(1 + count + 2 + kAuxiliaryWords);
    const auto bottom = reinterpret_cast<std::uintptr_t>(word);
    *word++ = arguments;
    for (std::size_t i = 0; i < count; ++i) {
        if (i == arguments) *word++ = 0;
        *word++ = strings[i];
    }
    *word++ = 0;
    __builtin_memcpy(word, auxiliary, sizeof(auxiliary));
    return bottom;
}

}  // namespace

struct ProgramStart {
    std::uintptr_t stack_pointer;
    std::uintptr_t entry;
};

/// Called by entry.S: what to jump to, and with which stack.
extern "C" ProgramStart redoubt_start(const abi::StartupInfo* startup,
                                      std::uintptr_t handler_stack_top) {
    if (startup->magic != abi::kStartupInfoMagic) native::exit_thread();
    initialize_process(*startup, handler_stack_top);
    open_standard_files();
    native::thread_control(0, abi::ThreadOperation::SetReflection,
                           reinterpret_cast<std::uintptr_t>(&redoubt_reflect_entry));
    return {build_stack(*startup), startup->program_entry};
}

}  // namespace redoubt::posix
