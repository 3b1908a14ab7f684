// Exits in words: what the guest did, who answered, what came of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vmmd/trace/exit_name.hpp"
#include "vmmd/trace/trace_entry.hpp"

namespace redoubt::vmmd {

/// "byte", "word", "dword", "qword"; "block" for other sizes.
std::string_view width_name(unsigned bytes);
/// "out 0x3f8 byte 0x41", "rdmsr 0x1b APIC_BASE = 0xfee00900, #GP".
std::string describe(const ExitRecord& record);
/// Those that are wanted, in the order of time.
std::vector<TraceEntry> select(std::vector<TraceEntry> entries, const TraceQuery& query);
/// In trace/describe.cpp of the architecture: "#GP", …; "exception 31" for those without a name.
std::string exception_name(unsigned vector);
/// Likewise, of all exits but those for memory-mapped devices: what the guest did.
std::string describe_exit(const ExitRecord& record);
/// One line, without its end: "  12.345678 cpu0 rip ffffffff81000000 out 0x3f8 byte 0x41 → serial".
std::string to_line(const TraceEntry& entry);

}  // namespace redoubt::vmmd
