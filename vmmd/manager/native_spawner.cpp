// The manager's messages to init.
#include "vmmd/manager/native_spawner.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "libhvcall/native/ipc.hpp"
#include "libposix/native_services.hpp"
#include "vmmd/config/text.hpp"
#include "vmmd/management/event_loop.hpp"

namespace redoubt::vmmd {

namespace {

using abi::ProcessMessage;

constexpr std::string_view kPrefix = "vm.";

/// A request to init; the label of the answer, or of what went wrong with the call.
abi::Error ask_init(native::Message& message) {
    return native::scheme::transact(static_cast<native::Slot>(abi::StartupSlot::Parent), message);
}

native::Message request(ProcessMessage what, unsigned words = 1, std::uint64_t mr0 = 0,
                        std::uint64_t mr1 = 0) {
    return native::make_message(static_cast<std::uint32_t>(what), words, mr0, mr1);
}

struct Child {
    MonitorId id = 0;
    abi::ChildState state = abi::ChildState::Running;
    int code = 0;
    std::string name;  ///< of the process
    std::string reason;
};

MonitorEnd end_of(const Child& child) {
    switch (child.state) {
        case abi::ChildState::Exited:
            return {"ended with status " + std::to_string(child.code), child.code};
        case abi::ChildState::Killed:
            return {"was " + child.reason};
        default:
            return {"crashed: " + child.reason};
    }
}

class NativeSpawner final : public Spawner {
  public:
    NativeSpawner(EventLoop& loop, int descriptor)
        : loop_(loop), ends_(loop.context(), descriptor) {
        wait_for_ends();
    }

    void set_ended(Ended ended) override { ended_ = std::move(ended); }

    std::expected<MonitorId, std::string> spawn(const VmConfig& config) override {
        const std::string line = monitor_start_line(config);
        const std::string bytes = line + config.text;
        if (bytes.size() > abi::scheme::kMaximumBytes) {
            return std::unexpected("its configuration is too long");
        }
        native::put_bytes(bytes.data(), bytes.size());
        auto message = request(ProcessMessage::Spawn, native::words_for(bytes.size()), line.size(),
                               config.text.size());
        const abi::Error error = ask_init(message);
        if (error == abi::Error::NoMemory) {
            return std::unexpected(
                "there is not enough memory for it: " + format_size(config.memory_bytes) +
                " and a few more, where " + std::to_string(free_bytes() >> 20) + "M are free");
        }
        if (!native::ok(error)) {
            return std::unexpected("init cannot start its monitor (error " +
                                   std::to_string(static_cast<unsigned>(error)) + ")");
        }
        running_.insert(message.mr[0]);
        return message.mr[0];
    }

    void kill(MonitorId id) override {
        if (running_.erase(id) == 0) return;
        forget(id);
        loop_.post([this, id] { ended_(id, {"was ended by vmmd"}); });
    }

    std::vector<FoundMonitor> find() override {
        std::vector<FoundMonitor> found;
        for (const Child& child : children()) {
            const bool running = child.state == abi::ChildState::Running;
            if (running) {
                running_.insert(child.id);
            } else {
                forget(child.id);
            }
            found.push_back({child.id, child.name.substr(kPrefix.size()), running,
                             running ? MonitorEnd{} : end_of(child)});
        }
        return found;
    }

    std::string socket_of(const std::string& name) const override { return monitor_socket(name); }

    std::uint64_t free_bytes() const override {
        auto message = request(ProcessMessage::FreeMemory);
        return native::ok(ask_init(message)) ? message.mr[0] : 0;
    }

  private:
    static std::vector<Child> children() {
        std::vector<Child> result;
        for (std::uint64_t index = 0;; ++index) {
            auto message = request(ProcessMessage::Children, 1, index);
            if (!native::ok(ask_init(message))) return result;
            const std::size_t name_size = message.mr[3] >> 32;
            const std::size_t reason_size = message.mr[3] & 0xFFFF'FFFF;
            const std::string_view text(reinterpret_cast<const char*>(native::message_bytes()),
                                        name_size + reason_size);
            result.push_back({message.mr[0], static_cast<abi::ChildState>(message.mr[1]),
                              static_cast<int>(message.mr[2]),
                              std::string(text.substr(0, name_size)),
                              std::string(text.substr(name_size))});
        }
    }

    static void forget(MonitorId id) {
        auto message = request(ProcessMessage::EndChild, 1, id);
        static_cast<void>(ask_init(message));
    }

    void wait_for_ends() {
        ends_.async_read_some(boost::asio::buffer(count_),
                              [this](boost::system::error_code error, std::size_t) {
                                  if (error) return;
                                  for (const Child& child : children()) report(child);
                                  wait_for_ends();
                              });
    }

    void report(const Child& child) {
        if (child.state == abi::ChildState::Running || running_.erase(child.id) == 0) return;
        forget(child.id);
        ended_(child.id, end_of(child));
    }

    EventLoop& loop_;
    boost::asio::posix::stream_descriptor ends_;  ///< readable when init has news of a child
    std::array<std::byte, 8> count_{};
    std::set<MonitorId> running_;
    Ended ended_ = [](MonitorId, const MonitorEnd&) {};
};

}  // namespace

std::expected<std::unique_ptr<Spawner>, std::string> make_native_spawner(EventLoop& loop) {
    const auto* services = posix::native_services();
    if (services == nullptr) return std::unexpected("this is not Redoubt: there is no init here");
    abi::CapabilityIndex signal = 0;
    const int descriptor = services->notification_fd(&signal);
    if (descriptor < 0) return std::unexpected("there is no notification for the ends of monitors");
    native::ipc_buffer().send[0] = signal;
    auto message = native::make_message(static_cast<std::uint32_t>(ProcessMessage::WatchChildren),
                                        0, 0, 0, 0, 0, 1);
    if (const auto error = ask_init(message); !native::ok(error)) {
        return std::unexpected(
            "init does not let this process start others: grant=spawn is missing "
            "in the start list");
    }
    return std::make_unique<NativeSpawner>(loop, descriptor);
}

}  // namespace redoubt::vmmd
