// The check before toml++: a scan that knows strings, comments and brackets, and nothing else of
// TOML.
#include "vmmd/config/lexical.hpp"

#include <string>

namespace redoubt::vmmd {

namespace {

constexpr const char* kNotAscii =
    "only comments may have characters that are not printable ASCII; in strings write \\u and four "
    "digits";

bool is_ascii(char c) { return (c >= ' ' && c <= '~') || c == '\t' || c == '\n' || c == '\r'; }

bool begins_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '"' || c == '\'';
}

class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    std::optional<ConfigError> run() {
        bool line_begins = true;
        bool value_expected = false;  ///< after "=" or ","
        bool name_expected = false;  ///< after "[", "[[" of a header, or a dot
        while (position_ < text_.size()) {
            const char c = text_[position_];
            const bool blank = c == ' ' || c == '\t';
            if (value_expected && (c == ',' || c == '}' || (c == ']' && open_.empty()))) {
                return error("a value is missing here");
            }
            if (name_expected && !blank && !begins_name(c)) return error("a name is missing here");
            if (c == '\n') {
                ++position_;
                ++line_;
                line_start_ = position_;
                line_begins = true;
                in_value_ = in_value_ && !open_.empty();
                continue;
            }
            if (blank || c == '\r') {
                ++position_;
                continue;
            }
            if (c == '#') {
                skip_line();
                continue;
            }
            const bool header = line_begins && open_.empty() && c == '[';
            line_begins = false;
            name_expected = false;
            if (!is_ascii(c)) return error(kNotAscii);
            if (c == '"' || c == '\'') {
                if (!skip_string(c)) return error(kNotAscii);
                value_expected = false;
                continue;
            }
            ++position_;
            if (header) {
                if (position_ < text_.size() && text_[position_] == '[') ++position_;
                name_expected = true;
                continue;
            }
            if (c == '.' && !in_value_) name_expected = true;
            if (c == '=') in_value_ = true;
            if (in_value_ && !bracket(c)) {
                --position_;
                return error("there is nothing here that this bracket closes");
            }
            value_expected = c == '=' || c == ',';
        }
        if (name_expected) return error("a name is missing here");
        return std::nullopt;
    }

  private:
    ConfigError error(std::string message) const {
        return {line_, static_cast<unsigned>(position_ - line_start_) + 1, std::move(message)};
    }

    /// Keeps account of brackets. False if `c` closes what is not open.
    bool bracket(char c) {
        if (c == '[' || c == '{') open_.push_back(c);
        if (c != ']' && c != '}') return true;
        if (open_.empty() || open_.back() != (c == ']' ? '[' : '{')) return false;
        open_.pop_back();
        return true;
    }

    void skip_line() {
        while (position_ < text_.size() && text_[position_] != '\n') ++position_;
    }

    /// Over a string of either kind. One that does not end is toml++'s to complain about. False at
    /// a character that is not ASCII.
    bool skip_string(char quote) {
        const std::string three(3, quote);
        const bool multi_line = text_.substr(position_).starts_with(three);
        position_ += multi_line ? 3 : 1;
        while (position_ < text_.size()) {
            const char c = text_[position_];
            if (c == '\n') {
                if (!multi_line) return true;
                ++line_;
                line_start_ = position_ + 1;
            }
            if (!is_ascii(c)) return false;
            if (c == '\\' && quote == '"' && position_ + 1 < text_.size() &&
                text_[position_ + 1] != '\n') {
                position_ += 2;
                continue;
            }
            if (multi_line ? text_.substr(position_).starts_with(three) : c == quote) {
                position_ += multi_line ? 3 : 1;
                return true;
            }
            ++position_;
        }
        return true;
    }

    std::string_view text_;
    std::size_t position_ = 0;
    std::size_t line_start_ = 0;
    unsigned line_ = 1;
    std::string open_;  ///< the brackets around this place in a value
    bool in_value_ = false;
};

}  // namespace

std::optional<ConfigError> check_lexically(std::string_view text) { return Scanner(text).run(); }

}  // namespace redoubt::vmmd
