// Error codes in words.
#include "libhvcall/error.hpp"

namespace redoubt::hvcall {

std::string_view describe(abi::Error error) {
    using enum abi::Error;
    switch (error) {
        case Ok:
            return "no error";
        case InvalidSyscall:
            return "no such system call";
        case InvalidArgument:
            return "invalid argument";
        case InvalidCapability:
            return "invalid capability";
        case MissingRight:
            return "the capability lacks a right";
        case SlotOccupied:
            return "the capability slot is occupied";
        case NoMemory:
            return "not enough memory";
        case AlreadyMapped:
            return "already mapped";
        case NotMapped:
            return "not mapped";
        case InvalidState:
            return "not permitted in this state";
        case Cancelled:
            return "cancelled";
        case TimedOut:
            return "timed out";
        case WouldBlock:
            return "would block";
        case NotFound:
            return "not found";
        case Exists:
            return "exists already";
        case NotSupported:
            return "not supported";
        case TooLarge:
            return "too large";
        case Busy:
            return "busy";
        case EndOfFile:
            return "end of file";
        case Refused:
            return "refused";
        case Fault:
            return "bad address";
    }
    return "unknown error";
}

}  // namespace redoubt::hvcall
