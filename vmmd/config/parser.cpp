// The configuration parser: TOML into VmConfig, with every error's place and remedy.
#include <algorithm>
#include <array>
#include <sstream>
#include <type_traits>

#define TOML_EXCEPTIONS 0
// toml++ 3.3 asserts on some malformed texts (`a = 0"'-` before a comment) which it then reports as
// errors all the same. The fuzzer runs without the assertions, too.
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

#include "arch/config_limits.hpp"
#include "vmmd/config/config.hpp"
#include "vmmd/config/lexical.hpp"
#include "vmmd/config/text.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::array<std::string_view, 12> kVmKeys = {
    "cpus",      "memory",  "kernel",        "initrd",   "cmdline",   "serial",
    "autostart", "restart", "restart_limit", "gdb_wait", "cpu_share", "cpu_limit"};
constexpr std::array<std::string_view, 1> kTopKeys = {"vm"};
constexpr std::array<std::string_view, 3> kRestartWords = {"never", "on-failure", "always"};
constexpr int kMaximumRestarts = 1'000'000;
constexpr std::size_t kMaximumNameLength = 32;

std::string quoted(std::string_view word) { return "\"" + std::string(word) + "\""; }

std::string_view type_name(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::string:
            return "a string";
        case toml::node_type::integer:
            return "an integer";
        case toml::node_type::floating_point:
            return "a floating-point number";
        case toml::node_type::boolean:
            return "a boolean";
        case toml::node_type::array:
            return "an array";
        case toml::node_type::table:
            return "a table";
        default:
            return "a date or time";
    }
}

Place place(toml::source_position position) {
    return {std::max(position.line, 1U), std::max(position.column, 1U)};
}

class Parser {
  public:
    Parser(ParsedConfig& result, const UrlCheck& check_serial)
        : result_(result), check_serial_(check_serial) {}

    void document(const toml::table& root) {
        const toml::node* vms = nullptr;
        for (const auto& [key, node] : root) {
            if (key.str() == "vm") {
                vms = &node;
            } else {
                unknown_key(key, kTopKeys, "at the top level, where only [vm.NAME] tables belong");
            }
        }
        if (vms == nullptr) {
            if (result_.errors.empty()) {
                error({1, 1}, "no VM is described: add a table such as [vm.demo]");
            }
            return;
        }
        const auto* const table = vms->as_table();
        if (table == nullptr) {
            error(vms->source().begin,
                  "\"vm\" must be a table of VMs: write [vm.NAME] for each of them");
            return;
        }
        if (table->empty()) error(vms->source().begin, "no VM is described below [vm]");
        // A toml::table is sorted by key; people expect the order of their file.
        std::vector<std::pair<const toml::key*, const toml::node*>> ordered;
        for (const auto& [key, node] : *table) ordered.emplace_back(&key, &node);
        std::ranges::stable_sort(ordered, [](const auto& a, const auto& b) {
            return a.first->source().begin.line < b.first->source().begin.line;
        });
        for (const auto& [key, node] : ordered) vm(*key, *node);
    }

  private:
    void error(toml::source_position position, std::string message) {
        result_.errors.push_back({place(position), std::move(message)});
    }

    void unknown_key(const toml::key& key, std::span<const std::string_view> known,
                     std::string_view where) {
        std::string message = "unknown key " + quoted(key.str()) + " " + std::string(where);
        if (const auto word = suggest(key.str(), known)) {
            message += " (did you mean " + quoted(*word) + "?)";
        }
        error(key.source().begin, std::move(message));
    }

    void wrong_type(std::string_view key, const toml::node& node, std::string_view expected) {
        error(node.source().begin, quoted(key) + " must be " + std::string(expected) + ", not " +
                                       std::string(type_name(node)));
    }

    void vm(const toml::key& key, const toml::node& node) {
        const auto name = key.str();
        const auto* const table = node.as_table();
        if (table == nullptr) {
            error(node.source().begin, "vm." + std::string(name) + " must be a table: write [vm." +
                                           std::string(name) + "] on a line of its own");
            return;
        }
        check_name(name, key.source().begin);
        VmConfig config;
        config.name = name;
        config.serial = "console:" + std::string(name);
        for (const auto& [field, value] : *table) read_field(config, field, value);
        if (!table->contains("memory")) {
            error(key.source().begin, quoted("memory") + " is missing in [vm." + std::string(name) +
                                          "]: add a line such as memory = \"256M\"");
        }
        if (!table->contains("kernel")) {
            error(key.source().begin, quoted("kernel") + " is missing in [vm." + std::string(name) +
                                          "]: add a line such as kernel = \"file:vmlinuz\"");
        }
        const auto* const limit = table->get("cpu_limit");
        if (limit != nullptr && config.cpus != 0) check_cpu_limit(config, *limit);
        config.text = text_of(name, *table);
        result_.vms.push_back(std::move(config));
    }

    /// As TOML again, for whoever needs this VM's part of the file only.
    static std::string text_of(std::string_view name, const toml::table& table) {
        const toml::table root{{"vm", toml::table{{name, table}}}};
        std::ostringstream text;
        // Escapes where our texts must have them, and one line for a string.
        text << toml::toml_formatter(root, toml::toml_formatter::default_flags &
                                               ~toml::format_flags::allow_unicode_strings &
                                               ~toml::format_flags::allow_multi_line_strings &
                                               ~toml::format_flags::allow_literal_strings);
        return std::move(text).str();
    }

    void check_name(std::string_view name, toml::source_position position) {
        const bool good = std::ranges::all_of(name, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '-' || c == '_' || c == '.';
        });
        if (name.empty() || name.size() > kMaximumNameLength || !good) {
            error(position, "a VM's name is 1 to 32 letters, digits, '-', '_' and '.'");
        }
    }

    void read_field(VmConfig& config, const toml::key& key, const toml::node& node) {
        const auto name = key.str();
        if (name == "cpus") {
            cpus(config, node);
        } else if (name == "cpu_share") {
            cpu_share(config, node);
        } else if (name == "cpu_limit") {
            cpu_limit(config, node);
        } else if (name == "memory") {
            memory(config, node);
        } else if (name == "kernel") {
            if (const auto* text = string(name, node)) {
                image_url(name, *text, node, config.kernel);
                config.kernel_place = place(node.source().begin);
            }
        } else if (name == "initrd") {
            if (const auto* text = string(name, node)) {
                image_url(name, *text, node, config.initrd);
                config.initrd_place = place(node.source().begin);
            }
        } else if (name == "cmdline") {
            if (const auto* text = string(name, node)) cmdline(config, *text, node);
        } else if (name == "serial") {
            if (const auto* text = string(name, node)) serial(config, *text, node);
        } else if (name == "autostart") {
            boolean(name, node, config.autostart);
        } else if (name == "gdb_wait") {
            boolean(name, node, config.gdb_wait);
        } else if (name == "restart") {
            if (const auto* text = string(name, node)) restart(config, *text, node);
        } else if (name == "restart_limit") {
            const auto* const value = node.as_integer();
            if (value == nullptr) return wrong_type(name, node, "an integer");
            if (value->get() < 0 || value->get() > kMaximumRestarts) {
                return error(node.source().begin, "restart_limit must be 0 (no limit) to " +
                                                      std::to_string(kMaximumRestarts));
            }
            config.restart_limit = static_cast<unsigned>(value->get());
        } else if (name == "disk" || name == "net") {
            error(key.source().begin,
                  "this vmmd has no " + std::string(name) + " device yet: remove " + quoted(name));
        } else {
            unknown_key(key, kVmKeys, "in [vm." + config.name + "]");
        }
    }

    const std::string* string(std::string_view name, const toml::node& node) {
        if (const auto* const value = node.as_string()) return &value->get();
        wrong_type(name, node,
                   name == "memory"      ? "a string such as \"256M\""
                   : name == "cpu_limit" ? "a string such as \"50%\""
                                         : "a string in quotes");
        return nullptr;
    }

    void cpus(VmConfig& config, const toml::node& node) {
        config.cpus = 0;  // nobody knows yet what it should be
        const auto* const value = node.as_integer();
        if (value == nullptr) return wrong_type("cpus", node, "an integer");
        if (value->get() < 1) return error(node.source().begin, "a VM needs at least 1 cpu");
        if (value->get() > kMaximumCpus) {
            const auto most = std::to_string(kMaximumCpus);
            return error(node.source().begin, std::to_string(value->get()) + " cpus: at most " +
                                                  most + " are possible; write cpus = " + most);
        }
        config.cpus = static_cast<unsigned>(value->get());
    }

    void cpu_share(VmConfig& config, const toml::node& node) {
        const auto* const value = node.as_integer();
        if (value == nullptr) return wrong_type("cpu_share", node, "an integer");
        if (value->get() < 1 || value->get() > kMaximumCpuShare) {
            return error(node.source().begin,
                         "cpu_share must be 1 to " + std::to_string(kMaximumCpuShare) +
                             "; a VM that does not name it has " + std::to_string(kNormalCpuShare));
        }
        config.cpu_share = static_cast<unsigned>(value->get());
    }

    void cpu_limit(VmConfig& config, const toml::node& node) {
        const auto* const text = string("cpu_limit", node);
        if (text == nullptr) return;
        const auto percent = parse_percent(*text);
        if (!percent) return error(node.source().begin, quoted(*text) + ": " + percent.error());
        config.cpu_limit = *percent;
    }

    /// When both are known: a VM cannot use more than its processors.
    void check_cpu_limit(const VmConfig& config, const toml::node& node) {
        const unsigned most = config.cpus * 100;
        if (config.cpu_limit <= most) return;
        error(node.source().begin,
              quoted(std::to_string(config.cpu_limit) + "%") + " is more than the VM's " +
                  std::to_string(config.cpus) + (config.cpus == 1 ? " cpu" : " cpus") +
                  " can use: at most \"" + std::to_string(most) + "%\" is possible");
    }

    void memory(VmConfig& config, const toml::node& node) {
        const auto* const text = string("memory", node);
        if (text == nullptr) return;
        const auto bytes = parse_size(*text);
        if (!bytes) return error(node.source().begin, quoted(*text) + ": " + bytes.error());
        if (*bytes < kMinimumMemory) {
            return error(node.source().begin, quoted(*text) + " is too little memory: at least " +
                                                  format_size(kMinimumMemory) + " is needed");
        }
        if (*bytes > kMaximumMemory) {
            return error(node.source().begin, quoted(*text) + " is too much memory: at most " +
                                                  format_size(kMaximumMemory) + " is possible");
        }
        if (*bytes % kMemoryGranularity != 0) {
            const auto rounded = (*bytes / kMemoryGranularity + 1) * kMemoryGranularity;
            return error(node.source().begin, quoted(*text) + " is not a multiple of 2M: write \"" +
                                                  format_size(rounded) + "\"");
        }
        config.memory_bytes = *bytes;
    }

    void image_url(std::string_view key, const std::string& text, const toml::node& node,
                   std::string& target) {
        const auto colon = text.find(':');
        if (colon == std::string::npos) {
            return error(node.source().begin, quoted(text) + " is not a URL: write \"file:" + text +
                                                  "\" or \"initfs:/" + text + "\"");
        }
        const auto scheme = std::string_view(text).substr(0, colon);
        if (scheme != "file" && scheme != "initfs") {
            return error(node.source().begin, quoted(key) + " cannot come from " +
                                                  quoted(std::string(scheme) + ":") +
                                                  ": use \"file:\" or \"initfs:\"");
        }
        if (colon + 1 == text.size() || text.find('\0') != std::string::npos) {
            return error(node.source().begin, quoted(key) + " names no file");
        }
        target = text;
    }

    void cmdline(VmConfig& config, const std::string& text, const toml::node& node) {
        if (text.size() > kMaximumCmdline) {
            return error(node.source().begin,
                         "the kernel's command line has " + std::to_string(text.size()) +
                             " characters; at most " + std::to_string(kMaximumCmdline) +
                             " are possible on " + kArchitecture);
        }
        if (text.find_first_of(std::string_view("\0\n", 2)) != std::string::npos) {
            return error(node.source().begin, "the kernel's command line must be one line");
        }
        config.cmdline = text;
    }

    void serial(VmConfig& config, const std::string& text, const toml::node& node) {
        if (const auto good = check_serial_(text); !good) {
            return error(node.source().begin, good.error());
        }
        config.serial = text;
    }

    void boolean(std::string_view name, const toml::node& node, bool& into) {
        const auto* const value = node.as_boolean();
        if (value == nullptr) return wrong_type(name, node, "true or false");
        into = value->get();
    }

    void restart(VmConfig& config, const std::string& text, const toml::node& node) {
        const auto found = std::ranges::find(kRestartWords, text);
        if (found == kRestartWords.end()) {
            std::string message =
                quoted(text) + " is none of \"never\", \"on-failure\" and \"always\"";
            if (const auto word = suggest(text, kRestartWords)) {
                message += " (did you mean " + quoted(*word) + "?)";
            }
            return error(node.source().begin, std::move(message));
        }
        config.restart = static_cast<RestartPolicy>(found - kRestartWords.begin());
    }

    ParsedConfig& result_;
    const UrlCheck& check_serial_;
};

}  // namespace

ParsedConfig parse_config(std::string_view text, const UrlCheck& check_serial) {
    ParsedConfig result;
    if (auto error = check_lexically(text)) {
        result.errors.push_back(std::move(*error));
        return result;
    }
    const auto parsed = toml::parse(text);
    if (!parsed) {
        const auto& where = parsed.error().source().begin;
        result.errors.push_back({place(where), std::string(parsed.error().description())});
        return result;
    }
    Parser(result, check_serial).document(parsed.table());
    std::ranges::stable_sort(result.errors, [](const ConfigError& a, const ConfigError& b) {
        return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    return result;
}

std::string format(const ConfigError& error, std::string_view file) {
    return std::string(file) + ":" + std::to_string(error.line) + ":" +
           std::to_string(error.column) + ": error: " + error.message;
}

}  // namespace redoubt::vmmd
