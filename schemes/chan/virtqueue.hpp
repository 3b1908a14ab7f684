// A split virtqueue (virtio 1.2, 2.7) of single-descriptor buffers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "schemes/chan/dma_arena.hpp"

namespace redoubt::chan {

class Virtqueue {
  public:
    /// `size` is a power of two.
    Virtqueue(DmaArena& arena, unsigned size);

    unsigned size() const { return size_; }
    std::uint64_t descriptors() const { return descriptors_physical_; }
    std::uint64_t available() const { return available_physical_; }
    std::uint64_t used() const { return used_physical_; }

    /// Offers the buffer to the device under the number `index` (< size, not in flight).
    void offer(unsigned index, std::uint64_t physical, std::uint32_t bytes, bool device_writes);
    struct Completion {
        unsigned index;
        std::uint32_t bytes;  ///< that the device wrote
    };
    /// The next buffer that the device is done with.
    std::optional<Completion> take();
    /// Asks the device to interrupt when it is done with a buffer, or not to.
    void want_interrupts(bool wanted);
    /// Does the device want to be notified of what was offered?
    bool wants_notification() const;

  private:
    struct Descriptor {
        std::uint64_t address;
        std::uint32_t length;
        std::uint16_t flags;
        std::uint16_t next;
    };
    struct Available {
        std::uint16_t flags;
        std::uint16_t index;
        std::uint16_t ring[];
    };
    struct UsedElement {
        std::uint32_t id;
        std::uint32_t length;
    };
    struct Used {
        std::uint16_t flags;
        std::uint16_t index;
        UsedElement ring[];
    };

    unsigned size_;
    volatile Descriptor* descriptors_;
    volatile Available* available_;
    volatile Used* used_;
    std::uint64_t descriptors_physical_, available_physical_, used_physical_;
    std::uint16_t next_available_ = 0;
    std::uint16_t next_used_ = 0;
};

}  // namespace redoubt::chan
