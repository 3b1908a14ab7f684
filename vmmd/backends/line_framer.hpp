// Makes whole lines of a console's output, for back ends that take lines.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace redoubt::vmmd {

enum class Framing { Raw, Lines };

class LineFramer {
  public:
    /// No line grows beyond this; what is longer is broken.
    static constexpr std::size_t kLongestLine = 1024;

    explicit LineFramer(std::string prefix) : prefix_(std::move(prefix)) {}

    /// Takes output; gives the lines that are complete with it, each with the prefix and a newline.
    /// Carriage returns go.
    std::string frame(std::string_view bytes) {
        std::string lines;
        for (const char byte : bytes) {
            if (byte == '\r') continue;
            if (byte != '\n') line_.push_back(byte);
            if (byte == '\n' || line_.size() == kLongestLine) {
                lines += prefix_ + std::exchange(line_, {}) + '\n';
            }
        }
        return lines;
    }

  private:
    std::string prefix_;
    std::string line_;
};

}  // namespace redoubt::vmmd
