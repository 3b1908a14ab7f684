// log: serves the scheme log:. Lines go to the stream "log" of console:, or through init if there
// is none.
#include "libhvcall/native/ipc.hpp"
#include "schemes/libscheme/process.hpp"
#include "schemes/log/log_scheme.hpp"

namespace {

using namespace redoubt;

/// Where lines are shown. The console may come late, restart, or not be there at all.
class LineOutput {
  public:
    explicit LineOutput(scheme::Process& process)
        : console_(process.grant(abi::GrantKind::Scheme, "console")),
          stream_(process.services().allocate_slots(1)) {}

    void show(std::string_view line) {
        if (to_console(line)) {
            return;
        }
        // init prints whole lines and adds the newline itself.
        line.remove_suffix(1);
        native::put_bytes(line.data(), line.size());
        native::Message message =
            native::make_message(static_cast<std::uint32_t>(abi::ProcessMessage::Log),
                                 native::words_for(line.size()), line.size());
        native::call(static_cast<native::Slot>(abi::StartupSlot::Parent), message);
    }

  private:
    bool to_console(std::string_view line) {
        if (!console_ || stream_ == 0) {
            return false;
        }
        // A second attempt serves the case that the console was restarted and forgot the stream.
        for (int attempt = 0; attempt < 2; ++attempt) {
            if (!open_ && !native::scheme::open(console_->slot, "log", abi::scheme::OpenFlags::None,
                                                stream_)) {
                return false;
            }
            open_ = true;
            if (native::scheme::write(stream_, 0, line.data(), line.size())) {
                return true;
            }
            native::delete_capability(stream_);
            open_ = false;
        }
        return false;
    }

    std::optional<abi::NamespaceEntry> console_;
    native::Slot stream_;
    bool open_ = false;
};

void serve(scheme::Process& process) {
    LineOutput output(process);
    const std::uint64_t ticks_per_microsecond = std::max<std::uint64_t>(
        native::system_info(abi::SystemInfoKind::TicksPerSecond) / 1'000'000, 1);
    log::LogScheme scheme([=] { return native::ticks() / ticks_per_microsecond; },
                          [&](std::string_view line) { output.show(line); });
    process.serve("log", scheme);
}

}  // namespace

int main() { return redoubt::scheme::run_program("log", serve); }
