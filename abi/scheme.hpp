// The scheme protocol: what a client and a scheme's server say over an endpoint.
//
// A scheme's root capability and every open file are badged endpoint capabilities of the same server:
// badge = client << 48 | file, file 0 being the root. init chooses client (>= 1) when it builds a namespace;
// badge 0 is init's own control capability. Byte payloads start at IpcBuffer::words[4].
#pragma once

#include <cstdint>

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

}  // namespace redoubt::abi::scheme
