// Turns signals from schemes and interrupts into events on files.
//
// All subscriptions of the process share one Notification, one bit each (streams may share a bit).
// A thread of libposix waits on it and tells the files' watches. It starts with the first
// subscription.
#pragma once

#include <cstdint>

#include "libhvcall/native/syscall.hpp"

namespace redoubt::posix {

/// Something that a bit of the process's event Notification belongs to.
class EventSource {
  public:
    /// The bit was signalled. Called with the process's lock held.
    virtual void on_signal() = 0;

  protected:
    ~EventSource() = default;

  private:
    friend native::Slot pump_subscribe(EventSource&, bool);
    friend void pump_unsubscribe(EventSource&);
    friend void pump_deliver(std::uint64_t);
    EventSource* next_ = nullptr;
    unsigned bit_ = 0;
};

/// A capability that signals the source, 0 if there is none to be had. An exclusive one is not
/// shared with others.
native::Slot pump_subscribe(EventSource& source, bool exclusive);
void pump_unsubscribe(EventSource& source);

/// Tells the sources of these bits.
void pump_deliver(std::uint64_t bits);

}  // namespace redoubt::posix
