// Whatever bytes the host sends over its port: no crash, credit kept, sockets never given more than
// they have room for.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "schemes/chan/host_port.hpp"

using namespace redoubt;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    chan::ChannelScheme scheme;
    const auto listener = scheme.open(1, scheme::OpenFlags::Listen, "s");
    std::vector<std::shared_ptr<scheme::File>> accepted;
    chan::HostPort port(scheme);
    const auto bytes = std::as_bytes(std::span(data, size));
    std::size_t step = 1;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        step = 1 + std::to_integer<std::size_t>(bytes[at]) % 64;
        port.mux().receive(bytes.subspan(at, std::min(step, bytes.size() - at)));
        port.pump();
        // A process that accepts, echoes, and sometimes goes away.
        if (auto result = (*listener)->call(
                static_cast<std::uint64_t>(abi::scheme::ChannelCall::Accept), 0, {})) {
            accepted.push_back(result->file);
        }
        std::byte buffer[256];
        for (const auto& file : accepted) {
            if (const auto count = file->read(0, buffer)) {
                (void)file->write(0, std::span(buffer).first(*count));
            }
        }
        if (step == 64 && !accepted.empty()) {
            accepted.back()->closed();
            accepted.pop_back();
        }
        port.pump();
        if (port.mux().output().size() > 1024 * 1024 ||
            port.mux().streams() > chan::kMaximumStreams) {
            std::abort();
        }
        if (step % 3 == 0) {
            port.mux().drop_output(port.mux().output().size());
        }
    }
    return 0;
}
