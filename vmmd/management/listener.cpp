// Binding, accepting, pausing when there are no descriptors left, and listening again after the
// socket died.
#include "vmmd/management/listener.hpp"

#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "vmmd/log.hpp"

namespace redoubt::vmmd {

namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;

namespace {

constexpr std::chrono::milliseconds kPauseAfterFailure{100};
constexpr std::chrono::milliseconds kPauseAfterDeath{1000};

bool somebody_listens(asio::io_context& context, const Protocol::endpoint& endpoint) {
    Protocol::socket probe(context);
    boost::system::error_code error;
    probe.connect(endpoint, error);
    return !error;
}

/// The socket itself is dead, not just one client of it: on Redoubt because chan: was started anew.
bool is_dead(const boost::system::error_code& error) {
    return error == asio::error::connection_reset || error == asio::error::bad_descriptor ||
           error == asio::error::invalid_argument;
}

}  // namespace

class Listener::Implementation : public std::enable_shared_from_this<Listener::Implementation> {
  public:
    explicit Implementation(asio::io_context& context)
        : context_(context), acceptor_(context), pause_(context) {}

    std::expected<void, std::string> listen(const std::string& path, Accepted accepted) {
        const auto fail = [&](const std::string& why) {
            return std::unexpected("cannot listen on " + path + ": " + why);
        };
        constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
        if (path.empty() || path.size() > kLongest) {
            return fail("a socket's path has 1 to " + std::to_string(kLongest) + " bytes");
        }
        path_ = path;
        if (const auto error = open(); !error.empty()) {
            path_.clear();
            return fail(error);
        }
        accepted_ = std::move(accepted);
        accept();
        return {};
    }

    void close() {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        pause_.cancel();
        if (!path_.empty()) ::unlink(std::exchange(path_, {}).c_str());
        accepted_ = nullptr;
    }

  private:
    /// Listens on the path; the reason why not, empty if it does.
    std::string open() {
        const Protocol::endpoint endpoint(path_);
        boost::system::error_code error;
        acceptor_.open(endpoint.protocol(), error);
        if (error) return error.message();
        acceptor_.bind(endpoint, error);
        if (error == asio::error::address_in_use) {
            if (somebody_listens(context_, endpoint)) return "another process serves it";
            ::unlink(path_.c_str());
            acceptor_.bind(endpoint, error);
        }
        if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
        return error ? error.message() : std::string();
    }

    void accept() {
        acceptor_.async_accept(
            [weak = weak_from_this()](boost::system::error_code error, Socket socket) {
                const auto self = weak.lock();
                if (!self || !self->accepted_) return;
                if (is_dead(error)) return self->listen_again();
                if (error) return self->accept_later();
                self->accepted_(std::move(socket));
                if (self->accepted_) self->accept();
            });
    }

    void accept_later() {
        pause_.expires_after(kPauseAfterFailure);
        pause_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
            if (const auto self = weak.lock(); self && !error && self->accepted_) self->accept();
        });
    }

    void listen_again() {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        const std::string error = open();
        if (error.empty()) {
            log::warning("listening on " + path_ + " again: its socket had died");
            return accept();
        }
        acceptor_.close(ignored);
        if (error != last_error_) {
            log::error("cannot listen on " + path_ + " again: " + error + "; still trying");
            last_error_ = error;
        }
        pause_.expires_after(kPauseAfterDeath);
        pause_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
            const auto self = weak.lock();
            if (self && !cancelled && self->accepted_) self->listen_again();
        });
    }

    asio::io_context& context_;
    Protocol::acceptor acceptor_;
    asio::steady_timer pause_;
    std::string path_;
    std::string last_error_;  ///< of listen_again(), told once
    Accepted accepted_;
};

Listener::Listener(asio::io_context& context)
    : implementation_(std::make_shared<Implementation>(context)) {}

Listener::~Listener() { close(); }

std::expected<void, std::string> Listener::listen(const std::string& path, Accepted accepted) {
    return implementation_->listen(path, std::move(accepted));
}

void Listener::close() { implementation_->close(); }

}  // namespace redoubt::vmmd
