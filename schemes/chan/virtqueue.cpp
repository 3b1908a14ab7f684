// See virtqueue.hpp.
#include "schemes/chan/virtqueue.hpp"

#include <atomic>

namespace redoubt::chan {

namespace {

constexpr std::uint16_t kDeviceWrites = 2;    // VIRTQ_DESC_F_WRITE
constexpr std::uint16_t kNoInterrupt = 1;     // VIRTQ_AVAIL_F_NO_INTERRUPT
constexpr std::uint16_t kNoNotification = 1;  // VIRTQ_USED_F_NO_NOTIFY

}  // namespace

Virtqueue::Virtqueue(DmaArena& arena, unsigned size) : size_(size) {
    const auto descriptors = arena.allocate(sizeof(Descriptor) * size, 16);
    const auto available = arena.allocate(sizeof(Available) + 2 * size + 2, 2);
    const auto used = arena.allocate(sizeof(Used) + sizeof(UsedElement) * size + 2, 4);
    descriptors_ = reinterpret_cast<Descriptor*>(descriptors.data);
    available_ = reinterpret_cast<Available*>(available.data);
    used_ = reinterpret_cast<Used*>(used.data);
    descriptors_physical_ = descriptors.physical;
    available_physical_ = available.physical;
    used_physical_ = used.physical;
}

void Virtqueue::offer(unsigned index, std::uint64_t physical, std::uint32_t bytes,
                      bool device_writes) {
    volatile Descriptor& descriptor = descriptors_[index];
    descriptor.address = physical;
    descriptor.length = bytes;
    descriptor.flags = device_writes ? kDeviceWrites : std::uint16_t{0};
    available_->ring[next_available_ % size_] = static_cast<std::uint16_t>(index);
    std::atomic_thread_fence(std::memory_order_release);
    available_->index = ++next_available_;
    // Before the device's wish for notifications is read (2.7.13.4.1).
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

std::optional<Virtqueue::Completion> Virtqueue::take() {
    if (used_->index == next_used_) {
        return std::nullopt;
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    volatile UsedElement& element = used_->ring[next_used_++ % size_];
    return Completion{element.id % size_, element.length};
}

void Virtqueue::want_interrupts(bool wanted) {
    available_->flags = wanted ? std::uint16_t{0} : kNoInterrupt;
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

bool Virtqueue::wants_notification() const { return (used_->flags & kNoNotification) == 0; }

}  // namespace redoubt::chan
