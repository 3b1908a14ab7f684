// Requests about threads, registers, memory and breakpoints.
#include <algorithm>

#include "arch/breakpoint.hpp"
#include "vmmd/debug/gdb/session.hpp"
#include "vmmd/debug/gdb/text.hpp"

namespace redoubt::vmmd::gdb {

namespace {

constexpr std::string_view kMalformed = "E01";
constexpr std::string_view kNoMemory = "E14";  // EFAULT
constexpr std::string_view kNoRoom = "E28";    // ENOSPC
constexpr std::string_view kNotNow = "E11";  // EAGAIN

}  // namespace

// -- threads

std::optional<unsigned> Session::take_thread(std::string_view& text, bool& all) const {
    all = take(text, std::string_view("-1"));
    if (all) return thread_;
    const auto number = take_hex(text);
    if (!number || *number > target_.vcpus()) return std::nullopt;
    all = *number == 0;
    return all ? thread_ : static_cast<unsigned>(*number - 1);
}

std::string Session::choose_thread(std::string_view arguments) {
    if (arguments.empty()) return std::string(kMalformed);
    const char what = arguments.front();
    arguments.remove_prefix(1);
    bool all = false;
    const auto thread = take_thread(arguments, all);
    if (!thread || !arguments.empty() || (what != 'g' && what != 'c')) {
        return std::string(kMalformed);
    }
    (what == 'g' ? thread_ : step_thread_) = *thread;
    return "OK";
}

// -- registers

std::string Session::read_registers() {
    const auto registers = target_.read_registers(thread_);
    return registers ? to_hex(registers->all()) : std::string(kNotNow);
}

std::string Session::write_registers(std::string_view arguments) {
    const auto bytes = from_hex(arguments);
    if (!bytes || bytes->size() != kRegisterFileBytes) return std::string(kMalformed);
    Registers registers;
    std::ranges::copy(*bytes, registers.all().begin());
    return target_.write_registers(thread_, registers) ? "OK" : std::string(kNotNow);
}

std::string Session::read_register(std::string_view arguments) {
    const auto number = take_hex(arguments);
    if (!number || *number >= kRegisterCount || !arguments.empty()) return std::string(kMalformed);
    const auto registers = target_.read_registers(thread_);
    if (!registers) return std::string(kNotNow);
    return to_hex(registers->at(static_cast<unsigned>(*number)));
}

std::string Session::write_register(std::string_view arguments) {
    const auto number = take_hex(arguments);
    if (!number || *number >= kRegisterCount || !take(arguments, '=')) {
        return std::string(kMalformed);
    }
    const auto bytes = from_hex(arguments);
    const auto index = static_cast<unsigned>(*number);
    if (!bytes || bytes->size() != register_bytes(index)) return std::string(kMalformed);
    auto registers = target_.read_registers(thread_);
    if (!registers) return std::string(kNotNow);
    std::ranges::copy(*bytes, registers->at(index).begin());
    return target_.write_registers(thread_, *registers) ? "OK" : std::string(kNotNow);
}

// -- memory

std::string Session::read_memory(std::string_view arguments, bool binary) {
    const auto address = take_hex(arguments);
    if (!address || !take(arguments, ',')) return std::string(kMalformed);
    const auto size = take_hex(arguments);
    if (!size || !arguments.empty()) return std::string(kMalformed);
    // Half a packet holds as much as hexadecimal or escaped binary data needs at most.
    std::vector<std::uint8_t> bytes(std::min<std::uint64_t>(*size, kPacketBytes / 2 - 1));
    bytes.resize(target_.read_memory(thread_, *address, bytes));
    if (bytes.empty() && *size != 0) return std::string(kNoMemory);
    return binary ? "b" + escape(bytes) : to_hex(bytes);
}

std::string Session::write_memory(std::string_view arguments, bool binary) {
    const auto address = take_hex(arguments);
    if (!address || !take(arguments, ',')) return std::string(kMalformed);
    const auto size = take_hex(arguments);
    if (!size || !take(arguments, ':')) return std::string(kMalformed);
    const auto bytes = binary ? unescape(arguments) : from_hex(arguments);
    if (!bytes || bytes->size() != *size) return std::string(kMalformed);
    if (bytes->empty()) return "OK";
    return target_.write_memory(thread_, *address, *bytes) ? "OK" : std::string(kNoMemory);
}

// -- breakpoints

/// Z or z type,address,kind[;…]: the conditions that could follow are not offered.
std::string Session::breakpoint(std::string_view packet) {
    const bool insert = packet.front() == 'Z';
    packet.remove_prefix(1);
    const auto type = take_hex(packet);
    if (!type || !take(packet, ',')) return std::string(kMalformed);
    // An empty answer: not offered.
    if (*type > 4) return {};
    if (!kWatchesReads && *type == static_cast<unsigned>(BreakpointKind::WatchRead)) return {};
    const auto address = take_hex(packet);
    if (!address || !take(packet, ',')) return std::string(kMalformed);
    const auto size = take_hex(packet);
    if (!size || !packet.empty()) return std::string(kMalformed);
    Breakpoint wanted{static_cast<BreakpointKind>(*type), *address, 1};
    if (*type >= 2) {
        if (*size > 8) return std::string(kNoRoom);
        wanted.bytes = static_cast<unsigned>(*size);
    }
    if (!insert) {
        target_.remove(wanted);
        return "OK";
    }
    if (target_.insert(thread_, wanted)) return "OK";
    return std::string(wanted.kind == BreakpointKind::Software ? kNoMemory : kNoRoom);
}

}  // namespace redoubt::vmmd::gdb
