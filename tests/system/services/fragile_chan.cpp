// chan: as it is, but it crashes when the host sends certain words through it.
#include <string_view>

#include "schemes/chan/service.hpp"

namespace {

using namespace redoubt;

constexpr std::string_view kDeadlyWords = "crash, chan!";

class FragileService final : public chan::ChannelService {
  public:
    using ChannelService::ChannelService;

  private:
    void port_data(std::span<const std::byte> bytes) override {
        const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        if (text.find(kDeadlyWords) != std::string_view::npos) {
            __builtin_trap();
        }
        ChannelService::port_data(bytes);
    }
};

void serve(scheme::Process& process) {
    FragileService service(process);
    process.serve("chan", service);
}

}  // namespace

int main() { return scheme::run_program("chan", serve); }
