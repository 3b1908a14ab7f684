// Words for exits.
#include "vmmd/trace/describe.hpp"

#include <algorithm>

#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd {

std::string_view width_name(unsigned bytes) {
    switch (bytes) {
        case 1:
            return "byte";
        case 2:
            return "word";
        case 4:
            return "dword";
        case 8:
            return "qword";
        default:
            return "block";
    }
}

namespace {

std::string describe_mmio(const ExitRecord& record) {
    using abi::MmioDetail;
    const auto address = hexadecimal(record.info);
    if ((record.detail & MmioDetail::kFetch) != 0) return "fetch from " + address;
    if ((record.detail & MmioDetail::kPageTable) != 0) return "page walk at " + address;
    const bool write = (record.detail & MmioDetail::kWrite) != 0;
    auto text = (write ? "write " : "read ") + address;
    if (record.size == 0) return text;
    text += " ";
    text += width_name(record.size);
    return text + (write ? " " : " = ") + hexadecimal(record.result);
}

std::string describe_cause(const ExitRecord& record) {
    return record.kind == abi::ExitKind::Mmio ? describe_mmio(record) : describe_exit(record);
}

}  // namespace

std::string describe(const ExitRecord& record) {
    auto text = describe_cause(record);
    const bool ends = record.outcome == ExitOutcome::Stopped;
    if (record.exception != ExitRecord::kNoException) {
        text += (ends ? " while delivering " : ", ") + exception_name(record.exception);
    }
    if (ends) text += ", the end";
    return text;
}

std::vector<TraceEntry> select(std::vector<TraceEntry> entries, const TraceQuery& query) {
    std::erase_if(entries, [&](const TraceEntry& entry) {
        return (query.vcpu && entry.vcpu != *query.vcpu) ||
               (query.after && entry.time <= *query.after);
    });
    std::ranges::stable_sort(entries, {}, &TraceEntry::time);
    if (entries.size() > query.count) {
        entries.erase(entries.begin(), entries.end() - static_cast<std::ptrdiff_t>(query.count));
    }
    return entries;
}

std::string to_line(const TraceEntry& entry) {
    const auto microseconds = entry.time.count / 1000;
    auto line = format("%5llu.%06llu cpu%u %s %s ",
                       static_cast<unsigned long long>(microseconds / 1'000'000),
                       static_cast<unsigned long long>(microseconds % 1'000'000), entry.vcpu,
                       kProgramCounter, address_text(entry.record.pc).c_str()) +
                entry.text;
    return entry.handler.empty() ? line : line + " → " + entry.handler;
}

}  // namespace redoubt::vmmd
