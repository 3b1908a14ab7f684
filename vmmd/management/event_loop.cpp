// The event loop on Boost.Asio.
#include "vmmd/management/event_loop.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace redoubt::vmmd {

// One thread runs the loop: the concurrency hint lets Asio leave out what several would need.
EventLoop::EventLoop() : context_(std::make_unique<boost::asio::io_context>(1)) {}
EventLoop::~EventLoop() = default;

void EventLoop::run() {
    const auto guard = boost::asio::make_work_guard(*context_);
    context_->run();
    context_->restart();
}

void EventLoop::stop() { context_->stop(); }

void EventLoop::post(std::function<void()> work) { boost::asio::post(*context_, std::move(work)); }

void EventLoop::call_after(std::chrono::milliseconds delay, std::function<void()> work) {
    auto timer = std::make_shared<boost::asio::steady_timer>(*context_, delay);
    timer->async_wait([timer, work = std::move(work)](const boost::system::error_code& error) {
        if (!error) work();
    });
}

}  // namespace redoubt::vmmd
