// killer NAME FILE: asks init to end the process NAME, once FILE can be opened (an unix socket
// path, say, that the process serves) and a second has passed. Needs grant=power.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "abi/startup.hpp"
#include "libhvcall/native/ipc.hpp"

namespace {

bool is_served(const char* path) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    const bool served =
        connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    return served;
}

}  // namespace

int main(int count, char** arguments) {
    using namespace redoubt;
    if (count != 3) return 2;
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    while (!is_served(arguments[2])) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const std::size_t length = std::strlen(arguments[1]);
    auto message = native::make_message(static_cast<std::uint32_t>(abi::ProcessMessage::Kill),
                                        abi::kRegisterWords + (length + 7) / 8, length);
    native::put_bytes(arguments[1], length);
    const auto error = native::call(static_cast<native::Slot>(abi::StartupSlot::Parent), message);
    const auto answer =
        error == abi::Error::Ok ? message.info.label() : static_cast<unsigned>(error);
    std::printf("kill %s: %u\n", arguments[1], answer);
    return answer == 0 ? 0 : 1;
}
