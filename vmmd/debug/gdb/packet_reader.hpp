// The framing of the remote serial protocol: $data#checksum, acknowledgements, and the interrupt
// byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace redoubt::vmmd::gdb {

/// Longest data of a packet, either way; told to gdb as PacketSize.
inline constexpr std::size_t kPacketBytes = 0x4000;

/// "$data#checksum"; `data` must be free of framing characters.
std::string make_packet(std::string_view data);

class PacketReader {
  public:
    struct Item {
        enum class Kind {
            Packet,     ///< `data` is a packet's
            Damaged,    ///< its checksum was wrong
            TooLong,    ///< more than kPacketBytes, dropped
            Interrupt,  ///< Ctrl-C
            Resend,     ///< the other side got the last packet damaged
        };
        Kind kind = Kind::Packet;
        std::string data{};
    };

    /// Takes bytes off the front, up to the end of the next item; nothing if there is none yet.
    std::optional<Item> next(std::string_view& bytes);

  private:
    enum class State { Outside, Data, Checksum1, Checksum2 };

    std::optional<Item> end_packet(char last_digit);

    State state_ = State::Outside;
    std::string data_;
    std::uint8_t sum_ = 0;
    char first_digit_ = 0;
    bool too_long_ = false;
};

}  // namespace redoubt::vmmd::gdb
