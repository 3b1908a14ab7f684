// Whatever a debugger sends, in whatever pieces: every answer is a packet with its checksum, and no
// larger than it may be.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/unit/vmmd/debug/gdb/model_target.hpp"
#include "vmmd/debug/gdb/session.hpp"

namespace {

using namespace redoubt::vmmd::gdb;

void check_packets(std::string_view sent) {
    PacketReader reader;
    while (!sent.empty()) {
        if (sent.front() == '+' || sent.front() == '-') {
            sent.remove_prefix(1);
            continue;
        }
        if (sent.front() != '$') std::abort();
        const auto item = reader.next(sent);
        if (!item || item->kind != PacketReader::Item::Kind::Packet) std::abort();
    }
}

/// What follows '$' up to '#' gets its checksum, so that mutations get past it.
std::string with_checksums(std::string_view input) {
    std::string result;
    while (!input.empty()) {
        const auto begin = input.find('$');
        result += input.substr(0, begin);
        if (begin == input.npos) break;
        input.remove_prefix(begin + 1);
        const auto end = input.find('#');
        result += make_packet(input.substr(0, end));
        if (end == input.npos) break;
        input.remove_prefix(end + 1);
    }
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    ModelTarget target;
    std::string sent;
    Session session(target, Stop{}, [&](std::string_view bytes) { sent += bytes; });
    // The first byte: whether to repair checksums, and the size of the pieces.
    const std::size_t piece = (data[0] >> 1) + 1;
    std::string input(reinterpret_cast<const char*>(data) + 1, size - 1);
    if ((data[0] & 1) != 0) input = with_checksums(input);
    for (std::string_view rest = input; !rest.empty();) {
        std::string_view part = rest.substr(0, piece);
        rest.remove_prefix(part.size());
        while (!part.empty()) {
            if (!session.receive(part)) return check_packets(sent), 0;
            if (target.motions.empty()) continue;
            const auto reason = static_cast<Stop::Reason>(target.motions.size() + sent.size() % 6);
            target.motions.clear();
            if (sent.size() % 3 != 0) session.stopped({1, reason, sent.size(), "text"});
        }
    }
    session.ended();
    check_packets(sent);
    return 0;
}
