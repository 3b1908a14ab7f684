// Reading the ring while it is written.
#include "vmmd/trace/exit_trace.hpp"

#include <algorithm>

namespace redoubt::vmmd {

ExitRecord ExitTrace::decode(const Slot& slot, std::uint64_t number) {
    const auto get = [&](Word word) { return slot[word].load(std::memory_order_acquire); };
    ExitRecord record;
    // First: once it says more than Pending, the result is there as well.
    const auto outcome = get(kOutcome);
    const auto kind = get(kKind);
    const auto registers = get(kSecondThird);
    record.number = number;
    record.time = {get(kTime)};
    record.pc = get(kPc);
    record.kind = static_cast<abi::ExitKind>(static_cast<std::uint32_t>(kind));
    record.detail = static_cast<std::uint32_t>(kind >> 32);
    record.info = get(kInfo);
    record.first = get(kFirst);
    record.second = static_cast<std::uint32_t>(registers);
    record.third = static_cast<std::uint32_t>(registers >> 32);
    record.result = get(kResult);
    record.outcome = static_cast<ExitOutcome>(outcome & 0xFF);
    record.size = static_cast<std::uint8_t>(outcome >> 8);
    record.exception = static_cast<std::uint8_t>((outcome >> 16) - 1);
    return record;
}

std::vector<ExitRecord> ExitTrace::last(std::size_t count) const {
    const auto end = exits();
    const auto wanted = std::min<std::uint64_t>({count, end, kRecords});
    std::vector<ExitRecord> records;
    records.reserve(wanted);
    for (auto number = end - wanted; number < end; ++number) {
        records.push_back(decode(slots_[number % kRecords], number));
    }
    // The writer may have come round: when `next_` is n, it may be writing over number n -
    // kRecords.
    const auto now = exits();
    std::erase_if(records,
                  [&](const ExitRecord& record) { return record.number + kRecords <= now; });
    return records;
}

}  // namespace redoubt::vmmd
