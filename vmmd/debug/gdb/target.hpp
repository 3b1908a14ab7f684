// What the remote serial protocol is spoken about: a stopped or running machine with some vCPUs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "vmmd/debug/gdb/registers.hpp"

namespace redoubt::vmmd::gdb {

/// In the order of Z packets.
enum class BreakpointKind : std::uint8_t { Software, Hardware, WatchWrite, WatchRead, WatchAccess };

struct Breakpoint {
    BreakpointKind kind = BreakpointKind::Software;
    std::uint64_t address = 0;  ///< linear
    unsigned bytes = 1;         ///< watched, 1, 2, 4 or 8

    friend bool operator==(const Breakpoint&, const Breakpoint&) = default;
};

/// Why everything stands still.
struct Stop {
    enum class Reason {
        Request,
        Step,
        SoftwareBreakpoint,
        HardwareBreakpoint,
        WatchWrite,
        WatchRead,
        WatchAccess,
        Crash,  ///< the guest cannot go on; going on ends it
    };
    unsigned vcpu = 0;
    Reason reason = Reason::Request;
    std::uint64_t address = 0;  ///< of a watchpoint
    std::string text{};         ///< Crash: what happened
};

enum class Motion : std::uint8_t { Stay, Continue, Step };

/// All but resume(), interrupt() and what ends the session need a target that stands still, and
/// fail otherwise. After resume() and interrupt() the session is told of the stop.
class Target {
  public:
    virtual ~Target() = default;

    virtual unsigned vcpus() const = 0;
    virtual std::optional<Registers> read_registers(unsigned vcpu) = 0;
    virtual bool write_registers(unsigned vcpu, const Registers& registers) = 0;
    /// By linear address, through the page tables of `vcpu`. Gives how many bytes could be read.
    virtual std::size_t read_memory(unsigned vcpu, std::uint64_t address,
                                    std::span<std::uint8_t> into) = 0;
    /// All or nothing.
    virtual bool write_memory(unsigned vcpu, std::uint64_t address,
                              std::span<const std::uint8_t> bytes) = 0;
    virtual bool insert(unsigned vcpu, const Breakpoint& breakpoint) = 0;
    /// Removing what is not there is no error.
    virtual void remove(const Breakpoint& breakpoint) = 0;
    /// One motion for each vCPU.
    virtual void resume(std::span<const Motion> motions) = 0;
    virtual void interrupt() = 0;
    /// For "info threads".
    virtual std::string describe(unsigned vcpu) = 0;
    /// For "monitor info".
    virtual std::string describe_all() = 0;
    /// Starts the machine anew and stops it before its first instruction; the session is told.
    virtual bool reset() = 0;
    /// Removes everything, lets it run.
    virtual void detach() = 0;
    /// Cuts its power.
    virtual void kill() = 0;
};

}  // namespace redoubt::vmmd::gdb
