// Stream sockets between processes: listeners, by path, and connected pairs of stream ends with 64
// KiB each way.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "schemes/libscheme/file.hpp"
#include "schemes/libscheme/ring_buffer.hpp"

namespace redoubt::chan {

inline constexpr std::size_t kStreamBuffer = 64 * 1024;
inline constexpr std::size_t kMaximumBacklog = 64;

/// One end of a connected stream. What is written here is read at the peer.
class StreamEnd final : public scheme::File {
  public:
    /// Two ends that talk to each other.
    static std::pair<std::shared_ptr<StreamEnd>, std::shared_ptr<StreamEnd>> make_pair();

    scheme::Expected<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) override;
    scheme::Expected<std::size_t> write(std::uint64_t offset,
                                        std::span<const std::byte> bytes) override;
    scheme::Expected<scheme::CallResult> call(std::uint64_t code, std::uint64_t argument,
                                              std::span<const std::byte> bytes) override;
    scheme::FileStatus status() const override;
    scheme::EventMask ready() const override;
    void closed() override;

    /// No more will be written here; the peer reads what is left and then the end of file.
    void shut_down_writing();
    /// For ends that live inside this process (the host's side): called when ready() may have
    /// changed.
    void on_change(std::function<void()> handler) { changed_ = std::move(handler); }

  private:
    void changed();

    scheme::RingBuffer incoming_{kStreamBuffer};
    std::weak_ptr<StreamEnd> peer_;
    bool no_more_incoming_ = false;  ///< the peer writes no more
    bool write_shut_ = false;
    std::function<void()> changed_;
};

class ChannelScheme;

class Listener final : public scheme::File {
  public:
    Listener(ChannelScheme& scheme, std::string path) : scheme_(scheme), path_(std::move(path)) {}

    scheme::Expected<scheme::CallResult> call(std::uint64_t code, std::uint64_t argument,
                                              std::span<const std::byte> bytes) override;
    scheme::FileStatus status() const override { return {0, scheme::FileKind::Listener}; }
    scheme::EventMask ready() const override;
    void closed() override;

    bool enqueue(std::shared_ptr<StreamEnd> end);

  private:
    ChannelScheme& scheme_;
    std::string path_;
    std::deque<std::shared_ptr<StreamEnd>> waiting_;
};

class ChannelScheme : public scheme::Scheme {
  public:
    scheme::Expected<std::shared_ptr<scheme::File>> open(std::uint64_t client,
                                                         scheme::OpenFlags flags,
                                                         std::string_view path) override;
    /// A new stream to the listener of that path; Refused if there is none.
    scheme::Expected<std::shared_ptr<StreamEnd>> connect(std::string_view path);

  private:
    friend class Listener;
    scheme::Expected<std::shared_ptr<scheme::File>> listen(std::string_view path);

    std::map<std::string, std::weak_ptr<Listener>, std::less<>> listeners_;
};

}  // namespace redoubt::chan
