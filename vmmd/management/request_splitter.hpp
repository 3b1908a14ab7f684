// Finds JSON objects in a stream of bytes: split over packets, several in one, with or without
// newlines between them.
//
// It knows just enough of JSON (strings, brackets) to see where a request ends; the parser proper
// judges what is inside. Garbage is reported once and skipped up to the next newline.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace redoubt::vmmd {

class RequestSplitter {
  public:
    static constexpr std::size_t kMaximumBytes = 1024 * 1024;
    static constexpr std::size_t kMaximumDepth = 64;

    struct Item {
        enum class Kind {
            Request,  ///< text: one balanced JSON object or array
            Garbage,  ///< text: what was wrong, for a person; parsing goes on after the next
                      ///< newline
            TooLong,  ///< the request exceeds kMaximumBytes; the stream is of no more use
        };
        Kind kind;
        std::string text;
    };

    /// Consumes from the front of `bytes` up to the end of the next item; nothing means all was
    /// taken and more is needed.
    std::optional<Item> next(std::string_view& bytes);

  private:
    enum class State { Between, Inside, String, Escape, Skipping };

    Item garbage(std::string why, bool at_newline);
    std::optional<Item> step_inside(char byte);
    void begin(char bracket);

    State state_ = State::Between;
    std::string text_;      ///< the request so far
    std::string brackets_;  ///< those open, outermost first
    char previous_ = 0;     ///< last byte outside strings that is not white space
    bool newline_ = false;  ///< a newline has come since previous_
};

}  // namespace redoubt::vmmd
