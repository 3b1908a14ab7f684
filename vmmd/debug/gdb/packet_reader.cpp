// Finding packets in a stream of bytes.
#include "vmmd/debug/gdb/packet_reader.hpp"

#include "vmmd/debug/gdb/text.hpp"

namespace redoubt::vmmd::gdb {

namespace {

constexpr char kInterrupt = 3;

std::uint8_t checksum(std::string_view data) {
    std::uint8_t sum = 0;
    for (const char byte : data)
        sum = static_cast<std::uint8_t>(sum + static_cast<std::uint8_t>(byte));
    return sum;
}

}  // namespace

std::string make_packet(std::string_view data) {
    const std::uint8_t sum[] = {checksum(data)};
    return "$" + std::string(data) + "#" + to_hex(sum);
}

std::optional<PacketReader::Item> PacketReader::next(std::string_view& bytes) {
    while (!bytes.empty()) {
        const char byte = bytes.front();
        bytes.remove_prefix(1);
        switch (state_) {
            case State::Outside:
                if (byte == kInterrupt) return Item{Item::Kind::Interrupt};
                if (byte == '-') return Item{Item::Kind::Resend};
                // Acknowledgements, and what is left of something damaged, mean nothing.
                if (byte == '$') {
                    data_.clear();
                    sum_ = 0;
                    too_long_ = false;
                    state_ = State::Data;
                }
                break;
            case State::Data:
                if (byte == '#') {
                    state_ = State::Checksum1;
                    break;
                }
                if (byte == '$') {  // the last one was cut off
                    data_.clear();
                    sum_ = 0;
                    too_long_ = false;
                    break;
                }
                sum_ = static_cast<std::uint8_t>(sum_ + static_cast<std::uint8_t>(byte));
                if (data_.size() == kPacketBytes) {
                    too_long_ = true;
                } else {
                    data_ += byte;
                }
                break;
            case State::Checksum1:
                first_digit_ = byte;
                state_ = State::Checksum2;
                break;
            case State::Checksum2:
                state_ = State::Outside;
                return end_packet(byte);
        }
    }
    return std::nullopt;
}

std::optional<PacketReader::Item> PacketReader::end_packet(char last_digit) {
    const char digits[] = {first_digit_, last_digit};
    const auto told = from_hex({digits, 2});
    if (!told || told->front() != sum_) return Item{Item::Kind::Damaged};
    if (too_long_) return Item{Item::Kind::TooLong};
    return Item{Item::Kind::Packet, data_};
}

}  // namespace redoubt::vmmd::gdb
