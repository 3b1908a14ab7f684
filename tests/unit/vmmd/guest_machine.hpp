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

    explicit GuestMachine(std::deque<Step> script, Step forever = {})
        : hypervisor_(std::move(script), std::move(forever)) {
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

    LoopEnd run() { return machine_->run(); }
    Machine& machine() { return *machine_; }

    RecordingSerial serial;
    std::vector<std::string> log;

  private:
    hvcall::model::ModelHypervisor hypervisor_;
    VmConfig config_;
    std::unique_ptr<Machine> machine_;
};

}  // namespace redoubt::vmmd
