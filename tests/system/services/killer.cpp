// Asks init to end processes. Needs grant=power.
//   killer NAME FILE    that one, once FILE can be opened (a unix socket's path, say, that the
//                       process serves) and a second has passed
//   killer --port NAME  those whose names come, a line each, through the machine's port NAME;
//                       each is answered by its name and init's answer
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

#include "abi/startup.hpp"
#include "libhvcall/native/ipc.hpp"

namespace {

using namespace redoubt;

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

unsigned kill(std::string_view name) {
    auto message = native::make_message(static_cast<std::uint32_t>(abi::ProcessMessage::Kill),
                                        abi::kRegisterWords + (name.size() + 7) / 8, name.size());
    native::put_bytes(name.data(), name.size());
    const auto error = native::call(static_cast<native::Slot>(abi::StartupSlot::Parent), message);
    return error == abi::Error::Ok ? message.info.label() : static_cast<unsigned>(error);
}

/// Serves lines until the port's server is gone, which may be this process's doing.
void serve(const std::string& port) {
    const int descriptor = open(port.c_str(), O_RDWR);
    std::string line;
    char c;
    while (read(descriptor, &c, 1) == 1) {
        if (c != '\n') {
            line += c;
            continue;
        }
        const unsigned answer = kill(line);
        if (answer != 0) std::printf("kill %s: %u\n", line.c_str(), answer);
        dprintf(descriptor, "%s %u\n", line.c_str(), answer);
        line.clear();
    }
    close(descriptor);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) return 2;
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    if (std::string_view(arguments[1]) == "--port") {
        for (;;) {
            serve("chan:port/" + std::string(arguments[2]));
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }
    while (!is_served(arguments[2])) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const unsigned answer = kill(arguments[1]);
    std::printf("kill %s: %u\n", arguments[1], answer);
    return answer == 0 ? 0 : 1;
}
