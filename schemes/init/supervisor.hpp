// init's main thread: starts what the start list says and what processes spawn, listens to the
// processes, and deals with their ends.
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
    static constexpr std::size_t kMaximumProcesses = 64;
    static constexpr std::size_t kMaximumListed = 24;  ///< of the start list

    enum class State : std::uint8_t {
        Free,      ///< no process
        Idle,      ///< its turn in the start list has not come
        Starting,  ///< runs, but has not said that it is ready
        Ready,
        Delayed,  ///< will be started again at `restart_at`
        Ended,
    };
    struct Process {
        StartEntry entry;
        State state = State::Free;
        std::uint64_t client = 0;
        ProcessMemory memory;
        std::uint64_t started_at = 0;
        std::uint64_t restart_at = 0;
        unsigned failures = 0;   ///< in a row
        native::Slot watch = 0;  ///< what it gave with WatchSchemes
        native::Slot watch_children = 0;
        Process* parent = nullptr;  ///< of a process that another one spawned
        std::uint64_t id = 0;       ///< a child's, for its parent
        abi::ChildState end = abi::ChildState::Running;
        unsigned exit_code = 0;
        Line reason;
        std::array<char, abi::scheme::kMaximumBytes + 2> text;  ///< that a child's entry points to
    };
    /// How a process ended.
    struct End {
        abi::ChildState how;
        unsigned code;
        Line reason;

        bool crashed() const { return how != abi::ChildState::Exited; }
    };

    explicit Supervisor(const abi::BootInfo& boot) : boot_(boot) {}
    bool prepare();
    void read_start_list();
    bool add_schemes(const StartEntry& entry);
    void start_next();
    void start(Process& process);
    abi::Error launch(Process& process);
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
    bool watch(native::Slot& watch);
    void drop_watch(native::Slot& watch);
    void tell_watchers(const Process& server);
    // children.cpp: processes that others spawned
    abi::Error serve_parent(Process& parent, abi::ProcessMessage request,
                            const native::Message& message, native::Message& answer);
    abi::Error spawn(Process& parent, const native::Message& message, native::Message& answer);
    abi::Error describe_child(const Process& parent, std::uint64_t index, native::Message& answer);
    abi::Error end_child(const Process& parent, std::uint64_t id);
    void child_ended(Process& child, const End& end);
    void end_children(const Process& parent);
    Process* free_process();
    [[noreturn]] void power_off(unsigned code);
    Process* process_of(std::uint64_t client);
    std::uint64_t new_client();
    std::span<Process> processes() { return processes_; }

    const abi::BootInfo& boot_;
    Resources resources_;
    Timer timer_;
    Messenger messenger_;
    std::span<const std::byte> archive_;
    std::array<Process, kMaximumProcesses> processes_{};
    std::size_t listed_ = 0;  ///< those of the start list come first
    std::array<SchemeEndpoint, kMaximumListed> schemes_{};
    std::size_t scheme_count_ = 0;
    native::Slot endpoint_ = 0;
    native::Slot reply_ = 0;
    native::Slot received_ = 0;  ///< where a message's capability goes; empty between messages
    std::size_t next_to_start_ = 0;
    std::uint64_t last_client_ = 0;
    std::uint64_t last_child_ = 0;
    std::uint64_t ticks_per_second_ = 0;
};

}  // namespace redoubt::init
