// Serves fragile: until somebody writes to one of its files; then it crashes in that call.
#include "schemes/libscheme/process.hpp"

namespace {

using namespace redoubt;
using scheme::Expected;

class Greeting final : public scheme::File {
  public:
    Expected<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) override {
        return scheme::copy_text("alive", offset, out);
    }
    Expected<std::size_t> write(std::uint64_t, std::span<const std::byte>) override {
        __builtin_trap();
    }
    scheme::FileStatus status() const override { return {5, scheme::FileKind::Regular}; }
};

/// A stream on which nothing ever comes.
class Silence final : public scheme::File {
  public:
    Expected<std::size_t> read(std::uint64_t, std::span<std::byte>) override {
        return std::unexpected(scheme::Error::WouldBlock);
    }
    scheme::EventMask ready() const override { return scheme::EventMask::None; }
    scheme::FileStatus status() const override { return {0, scheme::FileKind::Stream}; }
};

class FragileScheme final : public scheme::Scheme {
  public:
    Expected<std::shared_ptr<scheme::File>> open(std::uint64_t, scheme::OpenFlags,
                                                 std::string_view path) override {
        if (path == "silence") {
            return std::make_shared<Silence>();
        }
        return std::make_shared<Greeting>();
    }
};

void serve(scheme::Process& process) {
    FragileScheme scheme;
    process.serve("fragile", scheme);
}

}  // namespace

int main() { return scheme::run_program("fragile", serve); }
