// See native_transport.hpp.
#include "schemes/libscheme/native_transport.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "libhvcall/native/ipc.hpp"

namespace redoubt::scheme {

using abi::Rights;

NativeTransport::NativeTransport(const posix::NativeServices& services,
                                 abi::CapabilityIndex endpoint)
    : services_(services),
      endpoint_(endpoint),
      reply_(services.allocate_object(abi::ObjectType::Reply)),
      receive_slot_(services.allocate_slots(1)),
      file_slot_(services.allocate_slots(1)) {
    if (reply_ == 0 || receive_slot_ == 0 || file_slot_ == 0) {
        throw std::runtime_error("no memory for the scheme's server");
    }
}

NativeTransport::~NativeTransport() {
    services_.release_object(reply_);
    if (file_slot_used_) {
        native::delete_capability(file_slot_);
    }
    services_.free_slots(file_slot_, 1);
    services_.free_slots(receive_slot_, 1);
}

bool NativeTransport::mint_file(std::uint64_t badge) {
    // The client got its own copy; ours would only keep the slot occupied.
    if (std::exchange(file_slot_used_, false)) {
        native::delete_capability(file_slot_);
    }
    file_slot_used_ =
        native::ok(native::mint(endpoint_, Rights::Write | Rights::Grant, badge, file_slot_));
    return file_slot_used_;
}

bool NativeTransport::exchange(const Reply* reply, Request& request) {
    native::Received received;
    if (reply != nullptr) {
        abi::Error error = reply->error;
        unsigned capabilities = 0;
        if (reply->file_badge != 0 && error == abi::Error::Ok) {
            if (mint_file(reply->file_badge)) {
                native::ipc_buffer().send[0] = file_slot_;
                capabilities = 1;
            } else {
                error = abi::Error::NoMemory;
            }
        }
        const std::size_t size =
            std::min<std::size_t>(reply->bytes.size(), abi::scheme::kMaximumBytes);
        const unsigned words = size == 0 ? 2 : native::words_for(size);
        native::put_bytes(reply->bytes.data(), size);
        native::expect_capabilities(receive_slot_, 1);
        received = native::reply_recv(endpoint_, reply_,
                                      native::make_reply(error, words, reply->registers[0],
                                                         reply->registers[1], capabilities));
        if (received.error == abi::Error::InvalidState) {
            // The caller vanished while it was served; there is nobody to answer.
            native::expect_capabilities(receive_slot_, 1);
            received = native::recv(endpoint_, reply_);
        }
    } else {
        native::expect_capabilities(receive_slot_, 1);
        received = native::recv(endpoint_, reply_);
    }
    if (received.error != abi::Error::Ok) {
        return false;
    }
    const abi::MessageInfo info = received.message.info;
    request.badge = received.badge;
    request.label = info.label();
    std::copy_n(received.message.mr, request.registers.size(), request.registers.begin());
    // Registers beyond the message's length hold whatever they held.
    for (std::size_t i = info.words(); i < request.registers.size(); ++i) {
        request.registers[i] = 0;
    }
    const unsigned words = std::min(info.words(), abi::kMaximumWords);
    const std::byte* bytes = native::message_bytes();
    request.bytes.assign(
        bytes, bytes + (words > abi::kRegisterWords ? (words - abi::kRegisterWords) * 8 : 0));
    request.capability = abi::kNullCapability;
    if (info.label() != abi::kNotificationLabel && info.capabilities() != 0) {
        const abi::CapabilityIndex next = services_.allocate_slots(1);
        if (next != 0) {
            request.capability = std::exchange(receive_slot_, next);
        } else {
            native::delete_capability(receive_slot_);
        }
    }
    return true;
}

void NativeTransport::signal(abi::CapabilityIndex notification) { native::signal(notification); }

void NativeTransport::drop(abi::CapabilityIndex capability) {
    native::delete_capability(capability);
    services_.free_slots(capability, 1);
}

}  // namespace redoubt::scheme
