// A Machine around a scripted vCPU, for tests of the loop, the router and the registers behind it.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "libhvcall/model/model_hypervisor.hpp"
#include "vmmd/devices/character_backend.hpp"
#include "vmmd/machine.hpp"

namespace redoubt::vmmd {

class RecordingSerial final : public CharacterBackend {
  public:
    void write(std::span<const std::uint8_t> bytes) override {
        text.append(bytes.begin(), bytes.end());
    }
    std::string text;
};

/// Plays `script` on a machine without images. After the script the guest loops without exits.
class GuestMachine {
  public:
    using Step = hvcall::model::Step;
    using Program = hvcall::model::Program;

    explicit GuestMachine(std::deque<Step> script, Step forever = {})
        : GuestMachine(kForEach, {{std::move(script), std::move(forever)}}) {}

    LoopEnd run() { return machine_->run(); }
    Machine& machine() { return *machine_; }
    hvcall::model::ModelHypervisor& hypervisor() { return hypervisor_; }

    RecordingSerial serial;
    std::vector<std::string> log;

  protected:
    static constexpr struct ForEach {
    } kForEach = {};
    GuestMachine(ForEach, std::vector<Program> programs) {
        config_.cpus = static_cast<unsigned>(programs.size());
        for (unsigned i = 0; i < programs.size(); ++i) {
            hypervisor_.set_program(i, std::move(programs[i]));
        }
        config_.name = "test";
        config_.memory_bytes = 32 << 20;
        MachineOptions options;
        options.config = &config_;
        options.serial = &serial;
        options.log = [this](const std::string& line) { log.push_back(line); };
        options.load_linux = false;
        machine_ = std::make_unique<Machine>(hypervisor_, options);
        machine_->power_on();
    }

  private:
    hvcall::model::ModelHypervisor hypervisor_;
    VmConfig config_;
    std::unique_ptr<Machine> machine_;
};

/// A machine with a vCPU for each program.
class SmpGuestMachine final : public GuestMachine {
  public:
    explicit SmpGuestMachine(std::vector<Program> programs)
        : GuestMachine(kForEach, std::move(programs)) {}
};

}  // namespace redoubt::vmmd
