// The kernel's and schemes' errors as Linux's negative errno values.
#pragma once

#include <linux/errno.h>

#include "abi/error.hpp"

namespace redoubt::posix {

/// -errno for an abi::Error; 0 for Ok.
constexpr long to_errno(abi::Error error) {
    switch (error) {
        case abi::Error::Ok:
            return 0;
        case abi::Error::InvalidArgument:
            return -EINVAL;
        case abi::Error::MissingRight:
            return -EACCES;
        case abi::Error::NoMemory:
            return -ENOMEM;
        case abi::Error::Cancelled:
        case abi::Error::InvalidCapability:
            return -ECONNRESET;
        case abi::Error::TimedOut:
            return -ETIMEDOUT;
        case abi::Error::WouldBlock:
            return -EAGAIN;
        case abi::Error::NotFound:
            return -ENOENT;
        case abi::Error::Exists:
            return -EEXIST;
        case abi::Error::NotSupported:
        case abi::Error::InvalidSyscall:
            return -EOPNOTSUPP;
        case abi::Error::TooLarge:
            return -EMSGSIZE;
        case abi::Error::Busy:
            return -EBUSY;
        case abi::Error::EndOfFile:
            return -EPIPE;
        case abi::Error::Refused:
            return -ECONNREFUSED;
        case abi::Error::Fault:
            return -EFAULT;
        default:
            return -EIO;
    }
}

}  // namespace redoubt::posix
