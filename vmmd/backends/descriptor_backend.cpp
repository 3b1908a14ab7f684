// Moves bytes between a hub and descriptors, waiting in the event loop when they are not ready.
#include "vmmd/backends/descriptor_backend.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <span>
#include <utility>

#include "vmmd/management/event_loop.hpp"

namespace redoubt::vmmd {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

namespace {

/// For one write of the last output, in milliseconds.
constexpr int kFlushPatience = 200;
constexpr std::chrono::milliseconds kBetweenAttempts{1000};

}  // namespace

OwnedDescriptor::~OwnedDescriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
}
OwnedDescriptor::OwnedDescriptor(OwnedDescriptor&& other) noexcept : descriptor_(other.release()) {}
int OwnedDescriptor::release() { return std::exchange(descriptor_, -1); }

class DescriptorBackend::Pump : public std::enable_shared_from_this<DescriptorBackend::Pump> {
  public:
    Pump(EventLoop& loop, std::shared_ptr<ConsoleHub> hub, OwnedDescriptor output,
         OwnedDescriptor input, DescriptorOptions options)
        : hub_(std::move(hub)),
          output_(loop.context()),
          input_(loop.context()),
          input_from_(options.input),
          framing_(options.framing),
          framer_(std::move(options.line_prefix)),
          reopen_(std::move(options.reopen)),
          retry_(loop.context()) {
        use(std::move(output));
        if (options.input == InputFrom::Other) {
            input_.assign(input.release());
            source_ = &input_;
        }
    }

    void start() {
        watcher_ = hub_->watch(Replay::History, Delivery::Lossless,
                               [weak = weak_from_this(), executor = output_.get_executor()] {
                                   asio::post(executor, [weak] {
                                       if (const auto self = weak.lock()) self->pump();
                                   });
                               });
        pump();
    }

    /// Writes what the guest has printed so far, for as long as somebody takes it.
    void flush() {
        while (watcher_ && (!unwritten_.empty() || take_output())) {
            if (retrying_) return;
            if (!write_some() && watcher_ && !retrying_) {
                pollfd ready{output_.native_handle(), POLLOUT, 0};
                if (::poll(&ready, 1, kFlushPatience) <= 0) return;
            }
        }
    }

    void close() {
        watcher_.reset();
        source_ = nullptr;
        boost::system::error_code ignored;
        output_.close(ignored);
        input_.close(ignored);
        retry_.cancel();
    }

  private:
    void use(OwnedDescriptor output) {
        output_.assign(output.release());
        if (input_from_ == InputFrom::Output) source_ = &output_;
    }

    void pump() {
        if (!watcher_) return;
        give_input();
        if (!waiting_to_write_) write_output();
    }

    /// The descriptor is of no use any more. What it did not take is kept for its successor, if
    /// there can be one.
    void lost() {
        if (!reopen_) return close();
        if (retrying_) return;
        retrying_ = true;
        source_ = nullptr;
        boost::system::error_code ignored;
        output_.close(ignored);
        // Not from inside whatever found out.
        asio::post(retry_.get_executor(), [self = shared_from_this()] { self->try_again(); });
    }

    void try_again() {
        if (!watcher_) return;
        if (OwnedDescriptor output = reopen_(); output.get() >= 0) {
            retrying_ = false;
            use(std::move(output));
            return pump();
        }
        retry_.expires_after(kBetweenAttempts);
        retry_.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
            if (!cancelled) self->try_again();
        });
    }

    void write_output() {
        // A bounded share of the loop's time; the rest of the output comes when others had their
        // turn.
        if (retrying_) return;
        for (int turn = 0; turn < 8; ++turn) {
            if (unwritten_.empty() && !take_output()) return;
            if (!write_some()) {
                if (watcher_ && !retrying_)
                    wait(output_, Descriptor::wait_write, waiting_to_write_);
                return;
            }
        }
        asio::post(output_.get_executor(), [self = shared_from_this()] { self->pump(); });
    }

    /// False: it takes no more now, or (then closed) ever.
    bool write_some() {
        const ssize_t written =
            ::write(output_.native_handle(), unwritten_.data(), unwritten_.size());
        if (written >= 0) {
            unwritten_.erase(0, static_cast<std::size_t>(written));
            return true;
        }
        if (errno == EINTR) return true;
        // Disk full, hung up: the guest's console goes on without this back end.
        if (errno != EAGAIN) lost();
        return false;
    }

    bool take_output() {
        std::array<std::uint8_t, 4096> chunk;
        while (unwritten_.empty()) {
            const std::size_t size = watcher_->read(chunk);
            if (size == 0) return false;
            const std::string_view text(reinterpret_cast<const char*>(chunk.data()), size);
            unwritten_ = framing_ == Framing::Raw ? std::string(text) : framer_.frame(text);
        }
        return true;
    }

    void give_input() {
        if (!untyped_.empty()) {
            const std::span bytes(reinterpret_cast<const std::uint8_t*>(untyped_.data()),
                                  untyped_.size());
            untyped_.erase(0, hub_->input(bytes));
        }
        if (!untyped_.empty() || source_ == nullptr || waiting_to_read_) return;
        wait(*source_, Descriptor::wait_read, waiting_to_read_);
    }

    void wait(Descriptor& descriptor, Descriptor::wait_type what, bool& waiting) {
        waiting = true;
        descriptor.async_wait(
            what, [self = shared_from_this(), what, &waiting](boost::system::error_code error) {
                waiting = false;
                if (!self->watcher_) return;
                if (error == asio::error::operation_aborted && self->reopen_) return self->pump();
                if (what == Descriptor::wait_read && self->source_ != nullptr)
                    self->read_input(error);
                if (what == Descriptor::wait_write && error) return self->lost();
                self->pump();
            });
    }

    void read_input(boost::system::error_code error) {
        std::array<char, 1024> chunk;
        const ssize_t size =
            error ? 0 : ::read(source_->native_handle(), chunk.data(), chunk.size());
        if (size > 0) {
            untyped_.assign(chunk.data(), static_cast<std::size_t>(size));
        } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
            // No more input, ever; output may go on.
            source_ = nullptr;
            if (reopen_ && input_from_ == InputFrom::Output) lost();
        }
    }

    std::shared_ptr<ConsoleHub> hub_;
    std::unique_ptr<ConsoleWatcher> watcher_;
    Descriptor output_;
    Descriptor input_;
    Descriptor* source_ = nullptr;  ///< where input comes from, while there is any
    InputFrom input_from_;
    Framing framing_;
    LineFramer framer_;
    std::function<OwnedDescriptor()> reopen_;
    asio::steady_timer retry_;
    bool retrying_ = false;  ///< there is no output at the moment
    std::string unwritten_;
    std::string untyped_;
    bool waiting_to_write_ = false;
    bool waiting_to_read_ = false;
};

DescriptorBackend::DescriptorBackend(EventLoop& loop, std::shared_ptr<ConsoleHub> hub,
                                     OwnedDescriptor output, OwnedDescriptor input,
                                     DescriptorOptions options)
    : description_(options.description),
      pump_(std::make_shared<Pump>(loop, std::move(hub), std::move(output), std::move(input),
                                   std::move(options))) {
    pump_->start();
}

DescriptorBackend::~DescriptorBackend() {
    pump_->flush();
    pump_->close();
}

std::string DescriptorBackend::description() const { return description_; }

}  // namespace redoubt::vmmd
