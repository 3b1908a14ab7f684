// epoll and poll.
#pragma once

#include <linux/eventpoll.h>
#include <linux/poll.h>

#include <cstddef>
#include <cstdint>

#include "libposix/file/file.hpp"
#include "libposix/file/sleeper.hpp"

namespace redoubt::posix {

/// An epoll instance. Level-triggered, EPOLLET and EPOLLONESHOT.
class Epoll final : public File {
  public:
    Epoll() : File(Type::Epoll) {}
    ~Epoll() override;

    /// epoll_ctl; `file` is what `fd` refers to now.
    long control(int operation, int fd, File& file, const epoll_event* event);
    /// epoll_wait. `deadline` in ticks.
    long wait(epoll_event* events, int maximum, std::uint64_t deadline);
    std::uint32_t readiness() override;

  private:
    /// One registration.
    class Item final : public Watch {
      public:
        Item(Epoll& epoll, int fd, const epoll_event& event)
            : epoll_(epoll), fd_(fd), event_(event) {}
        void on_event() override;

      private:
        friend class Epoll;
        void on_close() override;

        Epoll& epoll_;
        int fd_;
        epoll_event event_;
        bool pending_ = true;  ///< must be looked at
        std::uint64_t fired_ =
            0;  ///< deadline of the expiration reported last (edge-triggered timers)
        Item* next_ = nullptr;
    };

    Item* find(int fd, const File& file);
    void remove(Item& item);
    int collect(epoll_event* events, int maximum);
    std::uint64_t next_deadline() const;

    Item* items_ = nullptr;
    Item** tail_ = &items_;
};

/// poll(); `deadline` in ticks.
long poll(pollfd* fds, std::size_t count, std::uint64_t deadline);

}  // namespace redoubt::posix
