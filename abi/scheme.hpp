// The scheme protocol: what a client and a scheme's server say over an endpoint.
//
// A scheme's root capability and every open file are badged endpoint capabilities of the same server:
// badge = client << 48 | file, file 0 being the root. init chooses client (>= 1) when it builds a namespace;
// badge 0 is init's own control capability. Byte payloads start at IpcBuffer::words[4]. A restricted root
// (restricted_root()) opens one path and no other.
#pragma once

#include <cstdint>
#include <string_view>

#include "abi/ipc.hpp"

namespace redoubt::abi::scheme {

/// Message label of a request. The reply's label is an abi::Error.
enum class Operation : std::uint32_t {
    Open = 1,   ///< root. mr0: OpenFlags, mr1: path length, path bytes; caps per scheme (hv:/vm takes an Untyped).
                ///< Reply: mr0 size (0 for streams), one capability: the file.
    Read = 2,   ///< mr0: offset (ignored by streams), mr1: length. Reply: mr0 length, bytes. Streams: WouldBlock when
                ///< empty, EndOfFile when closed by the peer; files: length 0 at the end.
    Write = 3,  ///< mr0: offset, mr1: length, bytes. Reply: mr0: length taken. Streams: WouldBlock when full.
    Call = 4,   ///< mr0: code, mr1: length, mr2..: arguments; meaning is the scheme's
    Map = 5,    ///< mr0: offset, mr1: length. Reply: a Frame capability
    Stat = 6,   ///< Reply: mr0: size, mr1: FileKind
    List = 7,   ///< mr0: offset in the text. Reply: mr0 length, names separated by newlines
    Event = 8,  ///< mr0: EventMask wanted, one Notification capability (badged as the client likes) that is signalled
                ///< whenever a wanted state begins. Reply: mr0: EventMask true now. No capability: only ask.
    Close = 9,  ///< the server forgets the file; the capability is dead afterwards
    // init's control messages, accepted from badge 0 only:
    ClientGone = 32,  ///< mr0: client whose process ended; the server closes all its files
};

enum class OpenFlags : std::uint64_t { None = 0, Create = 1, Listen = 2 };

enum class FileKind : std::uint64_t { Regular = 0, Directory = 1, Stream = 2, Listener = 3, Device = 4 };

/// States an Event subscription speaks of.
enum class EventMask : std::uint64_t { None = 0, Readable = 1, Writable = 2, HangUp = 4 };

/// Most bytes one Read or Write carries.
inline constexpr unsigned kMaximumBytes = (kMaximumWords - kRegisterWords) * 8;

/// Codes of Call on chan: files.
enum class ChannelCall : std::uint64_t {
    Accept = 1,    ///< on a listener. Reply: one capability: the connected stream; WouldBlock when none waits
    Shutdown = 2,  ///< on a stream: mr2: 1 write side
};

constexpr std::uint64_t make_badge(std::uint64_t client, std::uint64_t file) { return client << 48 | file; }
constexpr std::uint64_t badge_client(std::uint64_t badge) { return badge >> 48; }
constexpr std::uint64_t badge_file(std::uint64_t badge) { return badge & 0xFFFF'FFFF'FFFFULL; }

/// Set in the file number of roots that open one path only; the rest of the number is the path's hash. So a server needs
/// no list of who may open what, and a restriction survives its restart.
inline constexpr std::uint64_t kRestrictedRoot = std::uint64_t{1} << 47;

/// The hash, byte by byte: FNV-1a, then a multiplication to mix. Leading and doubled slashes do not count. Whoever holds
/// a restricted root cannot choose its hash, so all it could gain from a collision is the use of an unlikely path.
class PathHash {
  public:
    constexpr void add(char c) {
        if (c == '/' && last_ == '/') return;
        last_ = c;
        hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3;
    }
    constexpr std::uint64_t root() const {
        const std::uint64_t mixed = (hash_ ^ hash_ >> 32) * 0x9E37'79B9'7F4A'7C15;
        return kRestrictedRoot | mixed >> 17;
    }

  private:
    std::uint64_t hash_ = 0xCBF2'9CE4'8422'2325;
    char last_ = '/';
};

/// File number of the root that opens `path` only.
constexpr std::uint64_t restricted_root(std::string_view path) {
    PathHash hash;
    for (const char c : path) hash.add(c);
    return hash.root();
}

}  // namespace redoubt::abi::scheme
