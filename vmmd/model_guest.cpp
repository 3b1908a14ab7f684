// The scripted guest.
#include "vmmd/model_guest.hpp"

#include <chrono>
#include <deque>
#include <string_view>
#include <thread>

#include "arch/model_machine.hpp"

namespace redoubt::vmmd {

namespace {

using hvcall::GuestMemory;
namespace machine = model_machine;

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
constexpr hvcall::GuestPhysicalAddress kProgram{machine::kScratchMemory};

void obey(std::string_view command, abi::VcpuState& state, const GuestMemory& memory) {
    if (command == "poweroff") machine::power_off()(state, memory);
    if (command == "reset") machine::reset()(state, memory);
    if (command == "crash") machine::crash()(state, memory);
    if (command == "halt") machine::halt_forever()(state, memory);
}

void step(abi::VcpuState& state, const GuestMemory& memory) {
    auto program = machine::at_start(state) ? Program{} : *memory.read<Program>(kProgram);
    const auto character = static_cast<char>(machine::read_value(state));
    const auto print = [&](char c) {
        machine::write_serial(machine::kData, static_cast<unsigned char>(c))(state, memory);
    };
    switch (program.stage) {
        case Program::Banner:
            print(kBanner[program.position++]);
            if (program.position == kBanner.size()) program.stage = Program::Ask;
            break;
        case Program::Ask:
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            program.stage = Program::Answer;
            machine::read_serial(machine::kLineStatus)(state, memory);
            break;
        case Program::Answer: {
            const bool ready = (character & 1) != 0;
            program.stage = ready ? Program::Character : Program::Answer;
            if (!ready) std::this_thread::sleep_for(std::chrono::milliseconds(2));
            machine::read_serial(ready ? machine::kData : machine::kLineStatus)(state, memory);
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
