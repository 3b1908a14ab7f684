// A wire from a device to the inputs of interrupt controllers.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <utility>

namespace redoubt::vmmd {

/// One end of a wire. set() takes the level; controllers turn levels into edges themselves.
class InterruptLine {
  public:
    virtual ~InterruptLine() = default;
    virtual void set(bool level) = 0;
};

/// Not connected.
class UnconnectedLine final : public InterruptLine {
  public:
    void set(bool) override {}
};

/// A wire into a function, for tests and for glue.
class CallbackLine final : public InterruptLine {
  public:
    explicit CallbackLine(std::function<void(bool)> callback) : callback_(std::move(callback)) {}
    void set(bool level) override { callback_(level); }

  private:
    std::function<void(bool)> callback_;
};

/// One wire that ends at two inputs, as every ISA interrupt does: at the 8259 and at the I/O APIC.
class ForkedLine final : public InterruptLine {
  public:
    ForkedLine(InterruptLine& first, InterruptLine& second) : ends_{&first, &second} {}
    void set(bool level) override {
        for (auto* end : ends_) end->set(level);
    }

  private:
    std::array<InterruptLine*, 2> ends_;
};

}  // namespace redoubt::vmmd
