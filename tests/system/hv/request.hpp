// Requests to hv: paths, as programs in the place of init make them.
#pragma once

#include <cstdint>

#include "abi/error.hpp"
#include "abi/ipc.hpp"
#include "abi/scheme.hpp"
#include "libhvcall/native/syscall.hpp"

namespace redoubt::probe {

struct Answer {
    abi::Error error;
    std::uint64_t mr[4];
    unsigned capabilities;
};

/// `send` and `receive` are slots or 0; the payload is in the IPC buffer.
inline Answer request(native::Slot target, abi::scheme::Operation operation, std::uint64_t mr0 = 0,
                      std::uint64_t mr1 = 0, std::uint64_t mr2 = 0, native::Slot send = 0,
                      native::Slot receive = 0, std::uint64_t mr3 = 0) {
    constexpr unsigned kWords = 64;  // room for every payload
    abi::IpcBuffer& buffer = native::ipc_buffer();
    buffer.send[0] = send;
    buffer.receive_first = receive;
    buffer.receive_count = receive != 0 ? 1 : 0;
    native::Message message{
        abi::MessageInfo{static_cast<std::uint32_t>(operation), kWords, send != 0 ? 1U : 0U},
        {mr0, mr1, mr2, mr3}};
    const abi::Error error = native::call(target, message);
    if (error != abi::Error::Ok) return {error, {}, 0};
    return {static_cast<abi::Error>(message.info.label()),
            {message.mr[0], message.mr[1], message.mr[2], message.mr[3]},
            message.info.capabilities()};
}

inline Answer open(native::Slot target, const char* path, native::Slot receive, bool create = false,
                   native::Slot send = 0, std::uint64_t size_bits = 0,
                   std::uint64_t address_bits = 0) {
    auto* bytes = reinterpret_cast<char*>(&native::ipc_buffer().words[abi::kRegisterWords]);
    std::uint64_t length = 0;
    for (; path[length] != '\0'; ++length) bytes[length] = path[length];
    return request(target, abi::scheme::Operation::Open, create ? 1 : 0, length, size_bits, send,
                   receive, address_bits);
}

/// A new object of hv:, which `pool` pays for.
inline abi::Error create(native::Slot target, const char* path, native::Slot receive,
                         native::Slot pool, std::uint64_t size_bits = 0,
                         std::uint64_t address_bits = 0) {
    return open(target, path, receive, true, pool, size_bits, address_bits).error;
}

}  // namespace redoubt::probe
