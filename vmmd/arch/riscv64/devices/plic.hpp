// The platform-level interrupt controller (RISC-V PLIC specification 1.0.0), with one context per
// hart: its supervisor mode.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "vmmd/device.hpp"
#include "vmmd/interrupt_line.hpp"
#include "vmmd/mutex.hpp"

namespace redoubt::vmmd {

class Plic final : public Device {
  public:
    static constexpr std::uint64_t kSize = 0x400'0000;
    static constexpr unsigned kSources = 64;  ///< 0 is none

    /// Called with the PLIC's lock held: whether a context has an interrupt for its hart.
    using Output = std::function<void(unsigned hart, bool level)>;

    Plic(unsigned harts, Output output);

    std::string_view name() const override { return "plic"; }
    /// Registers are 32 bits wide and are accessed so.
    void read(std::uint64_t offset, std::span<std::uint8_t> data) override;
    void write(std::uint64_t offset, std::span<const std::uint8_t> data) override;
    /// The wires keep their levels.
    void reset() override;

    /// Level-triggered; 1 to kSources - 1.
    InterruptLine& input(unsigned source) { return inputs_[source - 1]; }

  private:
    struct Input final : InterruptLine {
        Input(Plic& owner, unsigned number) : plic(owner), source(number) {}
        void set(bool level) override { plic.set_line(source, level); }
        Plic& plic;
        unsigned source;
    };
    struct Context {
        std::uint64_t enabled = 0;
        std::uint32_t threshold = 0;
        bool output = false;
    };

    void set_line(unsigned source, bool level);
    /// The pending source of the highest priority above the threshold, the lowest number of
    /// several; 0: none.
    unsigned best(const Context& context) const;
    std::uint32_t claim(Context& context);
    void complete(const Context& context, std::uint32_t source);
    void update();
    std::uint32_t read_register(std::uint64_t offset);
    void write_register(std::uint64_t offset, std::uint32_t value);

    Mutex mutex_;
    Output output_;
    std::vector<Input> inputs_;
    std::vector<Context> contexts_;
    std::array<std::uint8_t, kSources> priorities_{};
    // A bit for each source.
    std::uint64_t lines_ = 0;
    std::uint64_t pending_ = 0;
    std::uint64_t in_service_ = 0;  ///< claimed and not completed
};

}  // namespace redoubt::vmmd
