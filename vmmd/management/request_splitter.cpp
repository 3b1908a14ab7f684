// The state machine that finds request boundaries.
#include "vmmd/management/request_splitter.hpp"

#include <utility>

namespace redoubt::vmmd {

namespace {

bool is_space(char byte) { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n'; }
bool is_control(char byte) { return static_cast<unsigned char>(byte) < 0x20; }

}  // namespace

RequestSplitter::Item RequestSplitter::garbage(std::string why, bool at_newline) {
    state_ = at_newline ? State::Between : State::Skipping;
    text_.clear();
    brackets_.clear();
    return {Item::Kind::Garbage, std::move(why)};
}

void RequestSplitter::begin(char bracket) {
    text_.assign(1, bracket);
    brackets_.assign(1, bracket);
    previous_ = bracket;
    newline_ = false;
    state_ = State::Inside;
}

std::optional<RequestSplitter::Item> RequestSplitter::step_inside(char byte) {
    if (is_space(byte)) {
        newline_ |= byte == '\n';
        text_.push_back(byte);
        return std::nullopt;
    }
    if (is_control(byte)) return garbage("control character between tokens", false);
    const bool value_may_begin = previous_ == ':' || previous_ == ',' || previous_ == '[';
    if (byte == '{' && newline_ && !value_may_begin) {
        // A line that was never finished, and then a new request: answer for the old one, keep the
        // new one.
        begin('{');
        return Item{Item::Kind::Garbage, "the request before this line is not complete"};
    }
    text_.push_back(byte);
    previous_ = byte;
    newline_ = false;
    switch (byte) {
        case '"':
            state_ = State::String;
            return std::nullopt;
        case '{':
        case '[':
            if (brackets_.size() == kMaximumDepth) return garbage("nested too deeply", false);
            brackets_.push_back(byte);
            return std::nullopt;
        case '}':
        case ']':
            if (brackets_.back() != (byte == '}' ? '{' : '[')) {
                return garbage("brackets do not match", false);
            }
            brackets_.pop_back();
            if (!brackets_.empty()) return std::nullopt;
            state_ = State::Between;
            return Item{Item::Kind::Request, std::exchange(text_, {})};
        default:
            return std::nullopt;
    }
}

std::optional<RequestSplitter::Item> RequestSplitter::next(std::string_view& bytes) {
    while (!bytes.empty()) {
        const char byte = bytes.front();
        bytes.remove_prefix(1);
        switch (state_) {
            case State::Between:
                if (byte == '{' || byte == '[') {
                    begin(byte);
                } else if (!is_space(byte)) {
                    return garbage("a request begins with '{'", false);
                }
                break;
            case State::Inside:
                if (auto item = step_inside(byte)) return item;
                break;
            case State::String:
                if (is_control(byte)) return garbage("control character in a string", byte == '\n');
                text_.push_back(byte);
                if (byte == '"') state_ = State::Inside;
                if (byte == '\\') state_ = State::Escape;
                break;
            case State::Escape:
                if (is_control(byte)) return garbage("control character in a string", byte == '\n');
                text_.push_back(byte);
                state_ = State::String;
                break;
            case State::Skipping:
                if (byte == '\n') state_ = State::Between;
                break;
        }
        if (text_.size() > kMaximumBytes) return Item{Item::Kind::TooLong, {}};
    }
    return std::nullopt;
}

}  // namespace redoubt::vmmd
