// The scripted guest.
#include "vmmd/model_guest.hpp"

#include <chrono>
#include <deque>
#include <string_view>
#include <thread>

#include "libhvcall/model/model_hypervisor.hpp"

namespace redoubt::vmmd {

namespace {

using hvcall::GuestMemory;
namespace exits = hvcall::model::exits;

constexpr std::uint16_t kData = 0x3F8;
constexpr std::uint16_t kLineStatus = 0x3FD;
constexpr std::uint16_t kPm1Control = 0x604;
constexpr std::uint16_t kResetPort = 0xCF9;
constexpr std::uint32_t kSleepNow = 0x2000 | 5U << 10;
constexpr std::string_view kBanner = "model guest ready\r\n";

/// What a guest program would keep in its registers. It lives in guest memory, so that every VM has
/// its own: the script is shared by all of them.
struct Program {
    enum Stage : std::uint32_t { Banner, Ask, Answer, Character };
    std::uint32_t stage;
    std::uint32_t position;
    std::uint32_t line_length;
    char line[64];
};
constexpr hvcall::GuestPhysicalAddress kProgram{0x1000};
constexpr std::uint64_t kResetVector = 0xFFF0;

void obey(std::string_view command, abi::VcpuState& state, const GuestMemory& memory) {
    if (command == "poweroff") exits::port_out(kPm1Control, 2, kSleepNow)(state, memory);
    if (command == "reset") exits::port_out(kResetPort, 1, 6)(state, memory);
    if (command == "crash") exits::shutdown()(state, memory);
    if (command == "halt") {
        state.rflags &= ~std::uint64_t{0x200};
        exits::halt()(state, memory);
    }
}

void step(abi::VcpuState& state, const GuestMemory& memory) {
    auto program = state.rip == kResetVector ? Program{} : *memory.read<Program>(kProgram);
    const auto character = static_cast<char>(state.gpr[abi::kRax]);
    const auto print = [&](char c) {
        exits::port_out(kData, 1, static_cast<unsigned char>(c))(state, memory);
    };
    switch (program.stage) {
        case Program::Banner:
            print(kBanner[program.position++]);
            if (program.position == kBanner.size()) program.stage = Program::Ask;
            break;
        case Program::Ask:
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            program.stage = Program::Answer;
            exits::port_in(kLineStatus, 1)(state, memory);
            break;
        case Program::Answer: {
            const bool ready = (character & 1) != 0;
            program.stage = ready ? Program::Character : Program::Answer;
            if (!ready) std::this_thread::sleep_for(std::chrono::milliseconds(2));
            exits::port_in(ready ? kData : kLineStatus, 1)(state, memory);
            break;
        }
        case Program::Character:
            program.stage = Program::Ask;
            if (character == '\r' || character == '\n') {
                print('\n');
                obey({program.line, program.line_length}, state, memory);
                program.line_length = 0;
            } else {
                print(character);
                if (program.line_length < sizeof program.line) {
                    program.line[program.line_length++] = character;
                }
            }
            break;
    }
    static_cast<void>(memory.write(kProgram, program));
}

}  // namespace

std::unique_ptr<hvcall::Hypervisor> make_model_hypervisor() {
    return std::make_unique<hvcall::model::ModelHypervisor>(std::deque<hvcall::model::Step>{},
                                                            step);
}

}  // namespace redoubt::vmmd
