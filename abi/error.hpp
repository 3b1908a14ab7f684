// Error codes of every system call, IPC reply and scheme reply.
#pragma once

#include <cstdint>

namespace redoubt::abi {

/// Returned in the status register; zero is success. Scheme servers use the same codes in replies.
enum class Error : std::uint32_t {
    Ok = 0,
    InvalidSyscall = 1,     ///< no such system call
    InvalidArgument = 2,    ///< an argument is out of range, misaligned or inconsistent
    InvalidCapability = 3,  ///< the slot is empty, out of range, or holds another object type
    MissingRight = 4,       ///< the capability lacks a right that the operation needs
    SlotOccupied = 5,       ///< the destination slot already holds a capability
    NoMemory = 6,           ///< the Untyped, or the object's own pool, is exhausted
    AlreadyMapped = 7,      ///< this frame capability, or the address range, is mapped already
    NotMapped = 8,
    InvalidState = 9,       ///< the object's state does not permit the operation
    Cancelled = 10,         ///< the peer went away (deleted, revoked) while the call was in flight
    TimedOut = 11,          ///< the deadline passed before anything was signalled
    WouldBlock = 12,        ///< nothing to read, or no room to write; wait for the event
    NotFound = 13,          ///< no such scheme path
    Exists = 14,
    NotSupported = 15,      ///< this scheme, processor or object cannot do that
    TooLarge = 16,          ///< the message or the request exceeds a documented limit
    Busy = 17,
    EndOfFile = 18,         ///< the other end of a stream closed it
    Refused = 19,           ///< nobody listens on that name
    Fault = 20,             ///< an address given to the kernel is not accessible to the caller
};

}  // namespace redoubt::abi
