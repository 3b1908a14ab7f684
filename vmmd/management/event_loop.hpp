// The daemon's single-threaded event loop, without making everyone who needs it include Boost.Asio.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace redoubt::vmmd {

class EventLoop {
  public:
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// Runs work in the calling thread until stop(); a stop() that came before ends it at once.
    void run();
    /// Ends run() soon; from any thread.
    void stop();
    /// Runs `work` in the loop's thread; from any thread.
    void post(std::function<void()> work);
    /// Runs `work` in the loop's thread after a while.
    void call_after(std::chrono::milliseconds delay, std::function<void()> work);

    boost::asio::io_context& context() { return *context_; }

  private:
    std::unique_ptr<boost::asio::io_context> context_;
};

}  // namespace redoubt::vmmd
