// The server of one scheme: decodes requests, keeps the table of open files with their clients and
// event subscriptions, and calls the Scheme and its Files.
//
// One subscription per open file: a later Event with a notification replaces the earlier one.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "schemes/libscheme/file.hpp"
#include "schemes/libscheme/transport.hpp"

namespace redoubt::scheme {

inline constexpr std::size_t kMaximumFilesPerClient = 1024;

class Server final : StateObserver {
  public:
    /// `first_file` should differ after each restart, so that capabilities to files of an earlier
    /// life stay dead.
    Server(Scheme& scheme, Transport& transport, std::uint64_t first_file);
    ~Server();

    /// Serves until the endpoint is gone.
    void run();
    /// Deals with one message; `reply` is what the sender gets. Notifications have no reply and
    /// answer false.
    bool handle(Request& request, Reply& reply);
    std::size_t open_files() const { return files_.size(); }

  private:
    struct OpenFile {
        std::uint64_t client;
        std::shared_ptr<File> file;
        abi::CapabilityIndex notification = abi::kNullCapability;
        EventMask wanted = EventMask::None;
        EventMask seen = EventMask::None;
    };
    using Table = std::unordered_map<std::uint64_t, OpenFile>;

    void state_changed(File& file) override;
    Error dispatch(Request& request, Reply& reply);
    Error open(const Request& request, Reply& reply);
    Error control(const Request& request);
    Error operate(OpenFile& open_file, Request& request, Reply& reply);
    Error subscribe(OpenFile& open_file, Request& request, Reply& reply);
    Error add(std::uint64_t client, std::shared_ptr<File> file, Reply& reply);
    void close(Table::iterator position);

    Scheme& scheme_;
    Transport& transport_;
    std::uint64_t next_file_;
    Table files_;
    std::unordered_map<std::uint64_t, std::size_t> files_of_client_;
};

}  // namespace redoubt::scheme
