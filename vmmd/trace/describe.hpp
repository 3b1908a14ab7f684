// Exits in words: what the guest did, who answered, what came of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "arch/exit_name.hpp"
#include "vmmd/trace/trace_entry.hpp"

namespace redoubt::vmmd {

class MmioBus;
class PortBus;

/// "#GP", …; "exception 31" for those without a name.
std::string exception_name(unsigned vector);
/// "TSC_DEADLINE"; empty if it has no name here.
std::string_view msr_name(std::uint32_t number);
/// "out 0x3f8 byte 0x41", "rdmsr 0x1b APIC_BASE = 0xfee00900, #GP".
std::string describe(const ExitRecord& record);
/// The device that a port or an address belongs to; empty if the exit has none or nobody is there.
std::string_view handler_of(const ExitRecord& record, const PortBus& ports, const MmioBus& mmio);
/// Those that are wanted, in the order of time.
std::vector<TraceEntry> select(std::vector<TraceEntry> entries, const TraceQuery& query);
/// One line, without its end: "  12.345678 cpu0 rip ffffffff81000000 out 0x3f8 byte 0x41 → serial".
std::string to_line(const TraceEntry& entry);

}  // namespace redoubt::vmmd
