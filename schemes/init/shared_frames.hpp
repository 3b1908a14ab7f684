// Frames with parts of programs that nobody writes: made when the first process needs them, kept,
// and mapped in all that run the program.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "libhvcall/native/syscall.hpp"

namespace redoubt::init {

struct SharedFrame {
    const std::byte* contents = nullptr;  ///< of the whole segment, in the boot archive
    std::uint32_t first_page = 0;         ///< of the frame within the segment
    native::Slot frame = 0;               ///< 0: not made yet
};

class SharedFrames {
  public:
    /// nullptr if there is no room for another one: then the process has a frame of its own.
    SharedFrame* get(const std::byte* contents, std::uint32_t first_page) {
        const auto end = frames_.begin() + count_;
        const auto found = std::find_if(frames_.begin(), end, [&](const SharedFrame& frame) {
            return frame.contents == contents && frame.first_page == first_page;
        });
        if (found != end) {
            return &*found;
        }
        if (count_ == frames_.size()) {
            return nullptr;
        }
        frames_[count_] = {contents, first_page, 0};
        return &frames_[count_++];
    }

  private:
    std::array<SharedFrame, 256> frames_{};
    std::size_t count_ = 0;
};

}  // namespace redoubt::init
