// The listening socket and the list of its clients.
#include "vmmd/management/server.hpp"

#include <boost/asio/steady_timer.hpp>
#include <utility>
#include <vector>

#include "vmmd/management/connection.hpp"
#include "vmmd/management/control.hpp"
#include "vmmd/management/event_loop.hpp"
#include "vmmd/management/listener.hpp"

namespace redoubt::vmmd {

class ManagementServer::Implementation
    : public std::enable_shared_from_this<ManagementServer::Implementation> {
  public:
    Implementation(EventLoop& loop, CommandExecutor& executor)
        : loop_(loop), executor_(executor), listener_(loop.context()), patience_(loop.context()) {}

    void spread_events_of(VmControl& control) {
        control.set_event_handler([weak = weak_from_this(), &loop = loop_](const VmEvent& event) {
            loop.post([weak, event] {
                if (const auto self = weak.lock()) self->spread(event_line(event));
            });
        });
    }

    void spread(const std::string& line) {
        for (const auto& connection : std::vector(connections_)) connection->send_event(line);
    }

    void close() {
        listener_.close();
        for (const auto& connection : std::vector(connections_)) connection->close();
    }

    std::expected<void, std::string> listen(const std::string& path) {
        return listener_.listen(path, [this](Listener::Socket socket) { add(std::move(socket)); });
    }

    void drain(std::chrono::milliseconds patience, std::function<void()> done) {
        listener_.close();
        drained_ = std::move(done);
        patience_.expires_after(patience);
        patience_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
            if (const auto self = weak.lock(); self && !error) self->give_up();
        });
        for (const auto& connection : std::vector(connections_)) connection->close_when_flushed();
        finish_if_drained();
    }

  private:
    void add(Listener::Socket socket) {
        auto connection = std::make_shared<Connection>(
            std::move(socket), executor_, [weak = weak_from_this()](Connection& closed) {
                if (const auto self = weak.lock()) self->remove(closed);
            });
        connections_.push_back(connection);
        connection->start();
    }

    void remove(Connection& closed) {
        std::erase_if(connections_, [&](const auto& held) { return held.get() == &closed; });
        finish_if_drained();
    }

    void give_up() {
        for (const auto& connection : std::vector(connections_)) connection->close();
        finish_if_drained();
    }

    void finish_if_drained() {
        if (!drained_ || !connections_.empty()) return;
        patience_.cancel();
        loop_.post(std::exchange(drained_, nullptr));
    }

    EventLoop& loop_;
    CommandExecutor& executor_;
    Listener listener_;
    boost::asio::steady_timer patience_;
    std::vector<std::shared_ptr<Connection>> connections_;
    std::function<void()> drained_;
};

ManagementServer::ManagementServer(EventLoop& loop, CommandExecutor& executor)
    : loop_(loop), implementation_(std::make_shared<Implementation>(loop, executor)) {}

ManagementServer::~ManagementServer() {
    if (control_ != nullptr) control_->set_event_handler({});
    implementation_->close();
}

void ManagementServer::spread(const std::string& line) { implementation_->spread(line); }

void ManagementServer::spread_events_of(VmControl& control) {
    control_ = &control;
    implementation_->spread_events_of(control);
}

std::expected<void, std::string> ManagementServer::listen(const std::string& path) {
    return implementation_->listen(path);
}

void ManagementServer::drain(std::chrono::milliseconds patience, std::function<void()> done) {
    loop_.post([implementation = implementation_, patience, done = std::move(done)] {
        implementation->drain(patience, done);
    });
}

}  // namespace redoubt::vmmd
