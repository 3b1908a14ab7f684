// init's main thread: starts what the start list says, listens to the processes, and deals with
// their ends.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "libhvcall/native/ipc.hpp"
#include "schemes/init/helpers.hpp"
#include "schemes/init/process_builder.hpp"
#include "schemes/init/report.hpp"

namespace redoubt::init {

class Supervisor {
  public:
    [[noreturn]] static void run(const abi::BootInfo& boot);

  private:
    static constexpr std::size_t kMaximumProcesses = 24;

    enum class State : std::uint8_t {
        Idle,      ///< its turn in the start list has not come
        Starting,  ///< runs, but has not said that it is ready
        Ready,
        Delayed,  ///< will be started again at `restart_at`
        Ended,
    };
    struct Process {
        StartEntry entry;
        State state = State::Idle;
        std::uint64_t client = 0;
        ProcessMemory memory;
        std::uint64_t started_at = 0;
        std::uint64_t restart_at = 0;
        unsigned failures = 0;   ///< in a row
        native::Slot watch = 0;  ///< what it gave with WatchSchemes
    };
    /// How a process ended.
    struct End {
        bool crashed;
        unsigned code;
        Line reason;
    };

    explicit Supervisor(const abi::BootInfo& boot) : boot_(boot) {}
    bool prepare();
    void read_start_list();
    bool add_schemes(const StartEntry& entry);
    void start_next();
    void start(Process& process);
    void restart_due();
    void arm_timer();
    [[noreturn]] void serve();
    /// True if the sender is to be answered with `answer`.
    bool handle(const native::Received& received, native::Message& answer);
    abi::Error kill(const Process& sender, std::uint64_t name_length);
    void faulted(Process& process, const native::Message& message);
    void ended(Process& process, const End& end);
    bool plan_restart(Process& process, const End& end, Line& line);
    void close_schemes(const Process& process);
    bool watch_schemes(Process& process);
    void drop_watch(Process& process);
    void tell_watchers(const Process& server);
    [[noreturn]] void power_off(unsigned code);
    bool anyone_drives_pci();
    Process* process_of(std::uint64_t client);
    std::uint64_t new_client();
    std::span<Process> processes() { return {processes_.data(), process_count_}; }

    const abi::BootInfo& boot_;
    Resources resources_;
    Timer timer_;
    Messenger messenger_;
    std::span<const std::byte> archive_;
    std::array<Process, kMaximumProcesses> processes_{};
    std::size_t process_count_ = 0;
    std::array<SchemeEndpoint, kMaximumProcesses> schemes_{};
    std::size_t scheme_count_ = 0;
    native::Slot endpoint_ = 0;
    native::Slot reply_ = 0;
    native::Slot received_ = 0;  ///< where a message's capability goes; empty between messages
    std::size_t next_to_start_ = 0;
    std::uint64_t last_client_ = 0;
    std::uint64_t ticks_per_second_ = 0;
};

}  // namespace redoubt::init
