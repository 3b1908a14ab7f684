// The log: scheme: lines from all processes, with time and name, kept in a ring and shown on the
// console.
//
//   log:NAME   write: text; each complete line becomes one of the log
//   log:ring   read: the last 64 KiB
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "schemes/libscheme/file.hpp"
#include "schemes/libscheme/ring_buffer.hpp"

namespace redoubt::log {

inline constexpr std::size_t kHistory = 64 * 1024;
inline constexpr std::size_t kLongestLine = 1024;  ///< longer ones are broken

class LogScheme final : public scheme::Scheme {
  public:
    using Clock = std::function<std::uint64_t()>;          ///< microseconds since boot
    using Output = std::function<void(std::string_view)>;  ///< a complete line, newline included

    LogScheme(Clock clock, Output output) : clock_(std::move(clock)), output_(std::move(output)) {}

    scheme::Expected<std::shared_ptr<scheme::File>> open(std::uint64_t client,
                                                         scheme::OpenFlags flags,
                                                         std::string_view path) override;
    void add_line(std::string_view name, std::string_view line);
    const scheme::RingBuffer& history() const { return history_; }

  private:
    Clock clock_;
    Output output_;
    scheme::RingBuffer history_{kHistory};
};

}  // namespace redoubt::log
