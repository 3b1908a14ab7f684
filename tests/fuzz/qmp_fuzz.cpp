// Whatever a client of the management socket sends, in whatever pieces: every answer is one JSON
// line, and the session goes on, closes or becomes a stream.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tests/unit/vmmd/management/model_control.hpp"
#include "vmmd/management/qmp_session.hpp"

namespace {

void check_lines(std::string_view sent) {
    while (!sent.empty()) {
        const std::size_t end = sent.find('\n');
        if (end == sent.npos || !nlohmann::json::accept(sent.substr(0, end))) std::abort();
        sent.remove_prefix(end + 1);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using redoubt::vmmd::QmpSession;
    if (size == 0) return 0;
    redoubt::vmmd::ModelControl control{{"web", "db"}};
    std::string sent;
    redoubt::vmmd::LocalExecutor executor(control);
    QmpSession session(executor, [&](std::string_view bytes) { sent += bytes; });
    // The first byte: whether to negotiate first, and the size of the pieces.
    const std::size_t piece = (data[0] >> 1) + 1;
    std::string input = data[0] & 1 ? R"({"execute":"qmp_capabilities"})" : "";
    input.append(reinterpret_cast<const char*>(data) + 1, size - 1);
    for (std::string_view rest = input; !rest.empty();) {
        std::string_view part = rest.substr(0, piece);
        rest.remove_prefix(part.size());
        if (session.receive(part) != QmpSession::Outcome::Continue) break;
        if (!part.empty()) std::abort();
    }
    check_lines(sent);
    return 0;
}
