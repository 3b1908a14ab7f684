// See file.hpp.
#include "libposix/file/file.hpp"

#include "libposix/file/sleeper.hpp"

namespace redoubt::posix {

void Watch::attach(File& file) {
    file_ = &file;
    next_ = file.watches_;
    file.watches_ = this;
}

void Watch::detach() {
    if (file_ == nullptr) return;
    for (Watch** at = &file_->watches_; *at != nullptr; at = &(*at)->next_) {
        if (*at != this) continue;
        *at = next_;
        break;
    }
    file_ = nullptr;
}

void File::drop_watches() {
    while (watches_ != nullptr) {
        Watch* watch = watches_;
        watch->detach();
        watch->on_close();
    }
}

void File::notify() {
    for (Watch* at = watches_; at != nullptr; at = at->next_) at->on_event();
}

long wait_for(File& file, std::uint32_t events, std::uint64_t deadline) {
    Sleeper sleeper;
    ThreadWatch watch{sleeper};
    watch.attach(file);
    long result = 0;
    while ((file.readiness() & (events | EPOLLERR | EPOLLHUP)) == 0) {
        const std::uint64_t until = file.deadline() < deadline ? file.deadline() : deadline;
        if (!sleeper.sleep(until) && deadline != abi::kNever && native::ticks() >= deadline) {
            result = -ETIMEDOUT;
            break;
        }
    }
    watch.detach();
    return result;
}

}  // namespace redoubt::posix
