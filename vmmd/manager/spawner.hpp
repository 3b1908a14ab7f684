// How the manager makes monitors: processes, one per VM, and hears of their ends.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "vmmd/config/config.hpp"

namespace redoubt::vmmd {

using MonitorId = std::uint64_t;

struct MonitorEnd {
    static constexpr int kNoStatus = -1;

    std::string how;         ///< a sentence's end: "ended with status 1", "was killed by signal 9"
    int status = kNoStatus;  ///< if it ended by itself and somebody knows: vmmd/exit_status.hpp
};

/// A monitor that an earlier manager started and did not live to look after.
struct FoundMonitor {
    MonitorId id = 0;
    std::string name;  ///< of its VM
    bool running = true;
    MonitorEnd end{};  ///< if it does not run
};

class Spawner {
  public:
    using Ended = std::function<void(MonitorId id, const MonitorEnd& end)>;

    virtual ~Spawner() = default;

    /// `ended` is called once for each monitor that ends, in the loop's thread and never from
    /// inside a call of this interface. Monitors that find() gave are among them.
    virtual void set_ended(Ended ended) = 0;
    /// Starts a monitor; the error says why not, for a person.
    virtual std::expected<MonitorId, std::string> spawn(const VmConfig& config) = 0;
    /// Ends it at once, whatever it does.
    virtual void kill(MonitorId id) = 0;
    /// What is there already when the manager starts. Ended ones are forgotten after this.
    virtual std::vector<FoundMonitor> find() = 0;
    /// Where the monitor of that VM listens.
    virtual std::string socket_of(const std::string& name) const = 0;
    /// Memory that monitors could still be given.
    virtual std::uint64_t free_bytes() const = 0;
};

}  // namespace redoubt::vmmd
