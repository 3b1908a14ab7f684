// The start list, /etc/start of the boot archive: what init starts, with which memory, schemes and
// grants.
//
//   NAME PROGRAM [key=value]... [-- ARGUMENT...]      # one process per line
//
// docs/schemes.md describes the keys. Freestanding: strings point into the text, a bad line is
// reported and skipped.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "abi/object.hpp"
#include "abi/scheme.hpp"

namespace redoubt::init {

inline constexpr std::size_t kMaximumSchemes = 12;  ///< per process, served or used
inline constexpr std::size_t kMaximumArguments = 32;
inline constexpr std::size_t kMaximumName = 40;
inline constexpr std::uint64_t kMegabyte = 1 << 20;
inline constexpr unsigned kMaximumLimit = 800;  ///< percent of one processor

enum class Restart : std::uint8_t { Never, Always, OnFailure };

/// A short list of names.
struct NameList {
    std::array<std::string_view, kMaximumSchemes> names{};
    /// Of a scheme that is used: the one path that may be opened, %XX for bytes that a line cannot
    /// hold. Empty: all of them.
    std::array<std::string_view, kMaximumSchemes> paths{};
    std::size_t count = 0;
    std::uint16_t optional = 0;  ///< bit n: name n may be missing

    bool is_optional(std::string_view name) const {
        for (std::size_t i = 0; i < count; ++i) {
            if (names[i] == name && (optional >> i & 1) != 0) {
                return true;
            }
        }
        return false;
    }
    const std::string_view* begin() const { return names.data(); }
    const std::string_view* end() const { return names.data() + count; }
    bool add(std::string_view name, bool is_optional = false, std::string_view path = {}) {
        if (count == names.size()) {
            return false;
        }
        paths[count] = path;
        optional |= static_cast<std::uint16_t>(is_optional ? 1U << count : 0);
        names[count++] = name;
        return true;
    }
};

/// What beyond schemes a process is trusted with.
struct Grants {
    bool uart = false;    ///< the registers of the serial line
    bool virtio = false;  ///< the registers of virtio devices, and of what they are found with
    bool irq = false;
    bool boot_archive = false;
    bool hv = false;
    bool power = false;
    bool spawn = false;  ///< may start processes of its own
};

struct StartEntry {
    std::string_view name;
    std::string_view program;
    NameList serves;
    NameList uses;
    std::uint64_t memory =
        16 * kMegabyte;  ///< whole pages; what the process may spend beyond its image and heap
    bool memory_rest = false;            ///< all that is left instead
    std::uint64_t heap = 2 * kMegabyte;  ///< rounded up to a power of two
    unsigned priority = 100;
    unsigned share = 0;  ///< weight of all its threads together; 0: each counts for itself
    unsigned limit = 0;  ///< percent of one processor that they may use together; 0: no limit
    Grants grants;
    Restart restart = Restart::Never;
    bool power_off_on_exit = false;
    bool wait_until_ready = true;
    bool native = false;  ///< makes only native system calls: no libposix beside it
    std::array<std::string_view, kMaximumArguments> arguments{};
    std::size_t argument_count = 0;
};

/// A line that cannot be obeyed: which, what about it, and the word concerned.
struct StartListError {
    unsigned line = 0;
    const char* message = "";
    std::string_view word;
};

class StartListParser {
  public:
    explicit StartListParser(std::string_view text) : text_(text) {}

    /// The next line that starts a process. False at the end. If error() holds something
    /// afterwards, the line is bad and `entry` must not be used.
    bool next(StartEntry& entry);
    const std::optional<StartListError>& error() const { return error_; }
    unsigned line() const { return line_; }

  private:
    void parse_line(std::string_view line, StartEntry& entry);
    bool option(std::string_view word, StartEntry& entry);
    bool grants(std::string_view list, StartEntry& entry);
    bool fail(const char* message, std::string_view word);

    std::string_view text_;
    unsigned line_ = 0;
    std::optional<StartListError> error_;
};

namespace detail {

/// substr() without its exception, which init has no library for.
constexpr std::string_view tail(std::string_view text, std::size_t position) {
    text.remove_prefix(position < text.size() ? position : text.size());
    return text;
}

inline std::string_view take_word(std::string_view& line) {
    const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!line.empty() && is_space(line.front())) {
        line.remove_prefix(1);
    }
    std::size_t length = 0;
    while (length < line.size() && !is_space(line[length])) {
        ++length;
    }
    const std::string_view word = line.substr(0, length);
    line.remove_prefix(length);
    return word;
}

inline std::string_view take_item(std::string_view& list) {
    const std::size_t comma = list.find(',');
    const std::string_view item = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : tail(list, comma + 1);
    return item;
}

/// Decimal, or hexadecimal with 0x; nothing else around it.
inline std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t base = 10;
    if (text.starts_with("0x")) {
        base = 16;
        text.remove_prefix(2);
    }
    if (text.empty() || text.size() > 15) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    for (const char c : text) {
        std::uint64_t digit;
        if (c >= '0' && c <= '9') {
            digit = static_cast<std::uint64_t>(c - '0');
        } else if (base == 16 && c >= 'a' && c <= 'f') {
            digit = static_cast<std::uint64_t>(c - 'a') + 10;
        } else if (base == 16 && c >= 'A' && c <= 'F') {
            digit = static_cast<std::uint64_t>(c - 'A') + 10;
        } else {
            return std::nullopt;
        }
        value = value * base + digit;
    }
    return value;
}

/// A size with suffix K, M or G, rounded up to whole pages; at most 65 GiB.
inline std::optional<std::uint64_t> size(std::string_view text) {
    unsigned shift = 0;
    if (!text.empty()) {
        const char suffix = text.back();
        shift = suffix == 'K' ? 10 : suffix == 'M' ? 20 : suffix == 'G' ? 30 : 0;
        if (shift != 0) {
            text.remove_suffix(1);
        }
    }
    const auto value = number(text);
    constexpr std::uint64_t kMost = std::uint64_t{65} << 30;
    if (!value || *value == 0 || *value > kMost >> shift) {
        return std::nullopt;
    }
    constexpr std::uint64_t kPage = 4096;
    return ((*value << shift) + kPage - 1) & ~(kPage - 1);
}

/// File number of the root that opens only `path`, which is written as in the list.
inline std::uint64_t restricted_root(std::string_view path) {
    const auto digit = [](char c) -> unsigned {
        return c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
               : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                      : 16;
    };
    abi::scheme::PathHash hash;
    for (std::size_t i = 0; i < path.size(); ++i) {
        const bool escaped = path[i] == '%' && i + 2 < path.size() && digit(path[i + 1]) < 16 &&
                             digit(path[i + 2]) < 16;
        hash.add(escaped ? static_cast<char>(digit(path[i + 1]) << 4 | digit(path[i + 2]))
                         : path[i]);
        i += escaped ? 2 : 0;
    }
    return hash.root();
}

inline bool is_scheme_name(std::string_view name) {
    if (name.empty() || name.size() > 23) {
        return false;
    }
    for (const char c : name) {
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) {
            return false;
        }
    }
    return true;
}

}  // namespace detail

inline bool StartListParser::fail(const char* message, std::string_view word) {
    error_ = StartListError{line_, message, word};
    return false;
}

inline bool StartListParser::next(StartEntry& entry) {
    error_.reset();
    while (!text_.empty()) {
        const std::size_t end = text_.find('\n');
        std::string_view line = text_.substr(0, end);
        text_ = end == std::string_view::npos ? std::string_view{} : detail::tail(text_, end + 1);
        ++line_;
        std::string_view probe = line;
        const std::string_view first = detail::take_word(probe);
        if (first.empty() || first.starts_with('#')) {
            continue;
        }
        entry = {};
        parse_line(line, entry);
        return true;
    }
    return false;
}

inline void StartListParser::parse_line(std::string_view line, StartEntry& entry) {
    entry.name = detail::take_word(line);
    entry.program = detail::take_word(line);
    if (entry.name.size() > kMaximumName) {
        fail("the name is longer than 40 characters", entry.name);
        return;
    }
    if (entry.program.empty() || entry.program == "--") {
        fail("the program is missing after the name", entry.name);
        return;
    }
    for (;;) {
        const std::string_view word = detail::take_word(line);
        if (word.empty() || word.starts_with('#')) {
            return;
        }
        if (word == "--") {
            break;
        }
        if (!option(word, entry)) {
            return;
        }
    }
    for (;;) {
        const std::string_view word = detail::take_word(line);
        if (word.empty()) {
            return;
        }
        if (entry.argument_count == entry.arguments.size()) {
            fail("too many arguments", word);
            return;
        }
        entry.arguments[entry.argument_count++] = word;
    }
}

inline bool StartListParser::option(std::string_view word, StartEntry& entry) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
        return fail("expected key=value, or -- before the arguments", word);
    }
    const std::string_view key = word.substr(0, equals);
    std::string_view value = detail::tail(word, equals + 1);
    if (key == "serves" || key == "uses") {
        NameList& list = key == "serves" ? entry.serves : entry.uses;
        while (!value.empty()) {
            std::string_view item = detail::take_item(value);
            const std::size_t colon = key == "uses" ? item.find(':') : std::string_view::npos;
            const std::string_view path = colon == std::string_view::npos
                                              ? std::string_view{}
                                              : detail::tail(item, colon + 1);
            std::string_view name = item.substr(0, colon);
            const bool is_optional = key == "uses" && name.ends_with('?');
            if (is_optional) {
                name.remove_suffix(1);
            }
            if (!detail::is_scheme_name(name)) {
                return fail("not a scheme name", name);
            }
            if (colon != std::string_view::npos && path.empty()) {
                return fail("the path is missing after the colon", item);
            }
            if (!list.add(name, is_optional, path)) {
                return fail("too many schemes", name);
            }
        }
        return true;
    }
    if (key == "memory" || key == "heap") {
        if (key == "memory" && value == "rest") {
            entry.memory_rest = true;
            return true;
        }
        const auto bytes = detail::size(value);
        if (!bytes) {
            return fail("not a size (examples: 64K, 16M, 1G)", word);
        }
        (key == "memory" ? entry.memory : entry.heap) = *bytes;
        return true;
    }
    if (key == "priority") {
        const auto priority = detail::number(value);
        if (!priority || *priority == 0 || *priority > 199) {
            return fail("priority must be 1 to 199", word);
        }
        entry.priority = static_cast<unsigned>(*priority);
        return true;
    }
    if (key == "share") {
        const auto share = detail::number(value);
        if (!share || *share == 0 || *share > abi::kMaximumWeight) {
            return fail("share must be 1 to 1000", word);
        }
        entry.share = static_cast<unsigned>(*share);
        return true;
    }
    if (key == "limit") {
        const bool is_percent = value.ends_with('%');
        if (is_percent) {
            value.remove_suffix(1);
        }
        const auto limit = detail::number(value);
        if (!is_percent || !limit || *limit == 0 || *limit > kMaximumLimit) {
            return fail("limit must be 1% to 800% of a processor", word);
        }
        entry.limit = static_cast<unsigned>(*limit);
        return true;
    }
    if (key == "grant") {
        return grants(value, entry);
    }
    if (key == "restart") {
        if (value == "never") {
            entry.restart = Restart::Never;
        } else if (value == "always") {
            entry.restart = Restart::Always;
        } else if (value == "on-failure") {
            entry.restart = Restart::OnFailure;
        } else {
            return fail("restart must be never, always or on-failure", word);
        }
        return true;
    }
    if (key == "on-exit") {
        if (value != "poweroff") {
            return fail("on-exit must be poweroff", word);
        }
        entry.power_off_on_exit = true;
        return true;
    }
    if (key == "ready") {
        if (value != "wait" && value != "no-wait") {
            return fail("ready must be wait or no-wait", word);
        }
        entry.wait_until_ready = value == "wait";
        return true;
    }
    if (key == "abi") {
        if (value != "linux" && value != "native") {
            return fail("abi must be linux or native", word);
        }
        entry.native = value == "native";
        return true;
    }
    return fail(
        "unknown key (known: serves uses memory heap priority share limit grant restart on-exit "
        "ready "
        "abi)",
        word);
}

inline bool StartListParser::grants(std::string_view list, StartEntry& entry) {
    Grants& grants = entry.grants;
    while (!list.empty()) {
        const std::string_view item = detail::take_item(list);
        if (item == "uart") {
            grants.uart = true;
        } else if (item == "virtio") {
            grants.virtio = true;
        } else if (item == "irq") {
            grants.irq = true;
        } else if (item == "boot-archive") {
            grants.boot_archive = true;
        } else if (item == "hv") {
            grants.hv = true;
        } else if (item == "power") {
            grants.power = true;
        } else if (item == "spawn") {
            grants.spawn = true;
        } else {
            return fail("unknown grant (known: uart virtio irq boot-archive hv power spawn)", item);
        }
    }
    return true;
}

}  // namespace redoubt::init
