// Builds and takes apart mux frames for tests, as the host does.
#pragma once

#include <string>
#include <vector>

#include "schemes/chan/mux.hpp"
#include "tests/unit/schemes/bytes.hpp"

namespace redoubt::test {

inline std::string word(std::uint32_t value) {
    std::string text;
    for (unsigned i = 0; i < 4; ++i) {
        text += static_cast<char>(value >> 8 * i);
    }
    return text;
}

inline std::string frame(chan::StreamId stream, chan::FrameType type, std::string_view payload) {
    std::string text = word(stream);
    text += static_cast<char>(type);
    text += std::string(3, '\0');
    return text + word(static_cast<std::uint32_t>(payload.size())) + std::string(payload);
}

struct Frame {
    chan::StreamId stream;
    chan::FrameType type;
    std::string payload;
    bool operator==(const Frame&) const = default;
};

/// Everything the mux has to say.
inline std::vector<Frame> take_output(chan::Mux& mux) {
    const std::string text = text_of(mux.output());
    mux.drop_output(text.size());
    const auto read_word = [&](std::size_t at) {
        std::uint32_t value = 0;
        for (unsigned i = 0; i < 4; ++i) {
            value |= static_cast<std::uint32_t>(static_cast<unsigned char>(text.at(at + i)))
                     << 8 * i;
        }
        return value;
    };
    std::vector<Frame> frames;
    for (std::size_t at = 0; at < text.size();) {
        const std::uint32_t length = read_word(at + 8);
        frames.push_back({read_word(at), static_cast<chan::FrameType>(text.at(at + 4)),
                          text.substr(at + 12, length)});
        at += 12 + length;
    }
    return frames;
}

}  // namespace redoubt::test
