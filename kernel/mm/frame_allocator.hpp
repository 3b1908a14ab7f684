// Where page-table frames come from: the interface, and the pool that lives inside an AddressSpace
// or Vm.
#pragma once

#include <cstddef>

#include "kernel/mm/address.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel {

class FrameAllocator {
  public:
    virtual Result<PhysicalAddress> allocate_zeroed() = 0;
    /// The frame must be all zero, as an empty table is, so that nobody has to clear it again.
    virtual void free(PhysicalAddress frame) = 0;
    virtual std::size_t free_count() const = 0;

  protected:
    ~FrameAllocator() = default;
};

inline void zero_frame(PhysicalAddress frame) {
    __builtin_memset(direct_map<void>(frame), 0, kPageSize);
}

/// The frames of one physical range. Frames never used are handed out in order and are zero
/// already, because objects' memory is zeroed at retype; frames that came back, zero but for this,
/// wait in a list threaded through themselves.
class FramePool final : public FrameAllocator {
  public:
    FramePool() = default;
    FramePool(PhysicalAddress first, std::size_t frame_count)
        : next_unused_{first}, unused_count_{frame_count}, total_{frame_count} {}

    Result<PhysicalAddress> allocate_zeroed() override {
        if (free_list_ != nullptr) {
            FreeFrame* frame = free_list_;
            free_list_ = frame->next;
            --listed_count_;
            frame->next = nullptr;
            return direct_map_physical(frame);
        }
        if (unused_count_ == 0) return abi::Error::NoMemory;
        --unused_count_;
        const PhysicalAddress address = next_unused_;
        next_unused_ += kPageSize;
        return address;
    }

    void free(PhysicalAddress address) override {
        auto* frame = direct_map<FreeFrame>(address);
        frame->next = free_list_;
        free_list_ = frame;
        ++listed_count_;
    }

    std::size_t free_count() const override { return unused_count_ + listed_count_; }
    std::size_t total_count() const { return total_; }

  private:
    struct FreeFrame {
        FreeFrame* next;
    };

    PhysicalAddress next_unused_;
    std::size_t unused_count_ = 0;
    FreeFrame* free_list_ = nullptr;
    std::size_t listed_count_ = 0;
    std::size_t total_ = 0;
};

}  // namespace redoubt::kernel
