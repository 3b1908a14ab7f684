// chan: serves the scheme chan:, stream sockets between processes and, over the machine's virtio
// console, from the host.
#include "schemes/chan/service.hpp"

namespace {

void serve(redoubt::scheme::Process& process) {
    redoubt::chan::ChannelService service(process);
    process.serve("chan", service);
}

}  // namespace

int main() { return redoubt::scheme::run_program("chan", serve); }
