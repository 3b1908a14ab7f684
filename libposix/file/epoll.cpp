// See epoll.hpp.
#include "libposix/file/epoll.hpp"

#include <new>

#include "libposix/file/fd_table.hpp"
#include "libposix/process.hpp"

namespace redoubt::posix {

namespace {
constexpr std::uint32_t kAlways = EPOLLERR | EPOLLHUP;
}

void Epoll::Item::on_event() {
    pending_ = true;
    epoll_.notify();
}

void Epoll::Item::on_close() { epoll_.remove(*this); }

Epoll::~Epoll() {
    while (items_ != nullptr) remove(*items_);
}

Epoll::Item* Epoll::find(int fd, const File& file) {
    for (Item* at = items_; at != nullptr; at = at->next_) {
        if (at->fd_ == fd && at->file() == &file) return at;
    }
    return nullptr;
}

void Epoll::remove(Item& item) {
    item.detach();
    for (Item** at = &items_; *at != nullptr; at = &(*at)->next_) {
        if (*at != &item) continue;
        *at = item.next_;
        if (tail_ == &item.next_) tail_ = at;
        break;
    }
    delete &item;
}

long Epoll::control(int operation, int fd, File& file, const epoll_event* event) {
    if (&file == this) return -EINVAL;
    Item* item = find(fd, file);
    switch (operation) {
        case EPOLL_CTL_ADD: {
            if (!file.pollable()) return -EPERM;
            if (item != nullptr) return -EEXIST;
            item = new (std::nothrow) Item{*this, fd, *event};
            if (item == nullptr) return -ENOMEM;
            item->attach(file);
            *tail_ = item;
            tail_ = &item->next_;
            break;
        }
        case EPOLL_CTL_MOD:
            if (item == nullptr) return -ENOENT;
            item->event_ = *event;
            item->pending_ = true;
            item->fired_ = 0;
            break;
        case EPOLL_CTL_DEL:
            if (item == nullptr) return -ENOENT;
            remove(*item);
            return 0;
        default:
            return -EINVAL;
    }
    notify();
    return 0;
}

int Epoll::collect(epoll_event* events, int maximum) {
    int count = 0;
    const std::uint64_t now = native::ticks();
    for (Item* at = items_; at != nullptr && count < maximum; at = at->next_) {
        Item& item = *at;
        // Nobody tells when a timer expires.
        const std::uint64_t deadline = item.file()->deadline();
        if (deadline <= now && item.fired_ != deadline) item.pending_ = true;
        if (!item.pending_) continue;
        const std::uint32_t ready = item.file()->readiness() & (item.event_.events | kAlways);
        const bool edge = (item.event_.events & EPOLLET) != 0;
        if (ready == 0 || edge) item.pending_ = false;
        if (ready == 0) continue;
        item.fired_ = edge ? deadline : 0;
        events[count].events = ready;
        events[count].data = item.event_.data;
        ++count;
        if ((item.event_.events & EPOLLONESHOT) != 0) {
            item.event_.events &= EPOLLET | EPOLLONESHOT;
            item.pending_ = false;
        }
    }
    // Who was served goes to the end, so that a small `maximum` serves everybody in turn.
    if (count == maximum && items_ != nullptr && items_->next_ != nullptr) {
        Item* first = items_;
        items_ = first->next_;
        first->next_ = nullptr;
        *tail_ = first;
        tail_ = &first->next_;
    }
    return count;
}

std::uint64_t Epoll::next_deadline() const {
    std::uint64_t earliest = abi::kNever;
    for (const Item* at = items_; at != nullptr; at = at->next_) {
        const std::uint64_t deadline = at->file()->deadline();
        if (deadline != at->fired_ && deadline < earliest) earliest = deadline;
    }
    return earliest;
}

long Epoll::wait(epoll_event* events, int maximum, std::uint64_t deadline) {
    if (maximum <= 0) return -EINVAL;
    Sleeper sleeper;
    ThreadWatch watch{sleeper};
    watch.attach(*this);
    long result;
    for (;;) {
        result = collect(events, maximum);
        if (result != 0 || (deadline != abi::kNever && native::ticks() >= deadline)) break;
        const std::uint64_t timer = next_deadline();
        sleeper.sleep(timer < deadline ? timer : deadline);
    }
    watch.detach();
    return result;
}

std::uint32_t Epoll::readiness() {
    for (Item* at = items_; at != nullptr; at = at->next_) {
        if ((at->file()->readiness() & (at->event_.events | kAlways)) != 0) return EPOLLIN;
    }
    return 0;
}

namespace {

/// One descriptor that poll looks at; bad ones have no file.
class PollEntry {
  public:
    PollEntry(Ref<> file, Sleeper& sleeper) : file_(std::move(file)), watch_(sleeper) {
        if (file_) watch_.attach(*file_);
    }
    ~PollEntry() { watch_.detach(); }

    /// What to report; lowers `until` to when that changes by itself.
    short look(short events, std::uint64_t& until) {
        if (!file_) return POLLNVAL;
        const std::uint64_t timer = file_->deadline();
        if (timer > native::ticks() && timer < until) until = timer;
        // poll's and epoll's bits are the same.
        return static_cast<short>(file_->readiness() &
                                  (static_cast<std::uint16_t>(events) | kAlways));
    }

  private:
    Ref<> file_;
    ThreadWatch watch_;
};

}  // namespace

long poll(pollfd* fds, std::size_t count, std::uint64_t deadline) {
    constexpr std::size_t kMaximum = 64;
    if (count > kMaximum) return -EINVAL;
    Sleeper sleeper;
    // Only as many as asked for are made.
    alignas(PollEntry) std::byte storage[kMaximum * sizeof(PollEntry)];
    auto* entries = reinterpret_cast<PollEntry*>(storage);
    for (std::size_t i = 0; i < count; ++i) {
        new (&entries[i]) PollEntry{fd_table().get(fds[i].fd), sleeper};
    }
    long ready = 0;
    for (;;) {
        std::uint64_t until = deadline;
        for (std::size_t i = 0; i < count; ++i) {
            fds[i].revents = fds[i].fd < 0 ? short{0} : entries[i].look(fds[i].events, until);
            if (fds[i].revents != 0) ++ready;
        }
        if (ready != 0 || (deadline != abi::kNever && native::ticks() >= deadline)) break;
        sleeper.sleep(until);
    }
    for (std::size_t i = 0; i < count; ++i) entries[i].~PollEntry();
    return ready;
}

}  // namespace redoubt::posix
