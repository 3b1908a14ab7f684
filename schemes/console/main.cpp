// console: serves the scheme console: on COM1, and streams that have a virtio port of their own on
// that.
#include <cstdio>
#include <stdexcept>

#include "libhvcall/native/syscall.hpp"
#include "schemes/console/channel_ports.hpp"
#include "schemes/console/console_scheme.hpp"
#include "schemes/console/uart.hpp"
#include "schemes/libscheme/process.hpp"

namespace {

using namespace redoubt;

constexpr std::uint64_t kInterruptBit = 1, kPortsBit = 2;

class SerialConsole final : public console::ConsoleScheme {
  public:
    SerialConsole(console::Uart& uart, native::Slot irq, console::ChannelPorts& ports)
        : ConsoleScheme(uart), uart_(uart), irq_(irq), ports_(ports) {}

    void notified(std::uint64_t bits) override {
        if ((bits & kPortsBit) != 0) {
            ports_changed();
        }
        if ((bits & kInterruptBit) == 0) {
            return;
        }
        receive(uart_.take_input());
        native::irq_acknowledge(irq_);
        // A byte that came between the two would raise no further edge.
        receive(uart_.take_input());
    }
    void idle() override {
        if (irq_ == 0) {
            receive(uart_.take_input());
        }
    }

  protected:
    std::unique_ptr<console::PortLine> open_port(std::string_view stream) override {
        return ports_.open(stream);
    }

  private:
    console::Uart& uart_;
    native::Slot irq_;
    console::ChannelPorts& ports_;
};

/// The line's interrupt, bound to this process's notification; 0 if it cannot be had.
native::Slot claim_interrupt(scheme::Process& process) {
    const auto control = process.grant(abi::GrantKind::IrqControl);
    if (!control) {
        return 0;
    }
    const native::Slot irq = process.services().allocate_slots(1);
    if (irq == 0 || !native::ok(native::irq_claim(control->slot, console::Uart::kCom1Gsi, irq)) ||
        !native::ok(native::irq_bind(irq, process.signaller(kInterruptBit)))) {
        std::fprintf(stderr, "console: no interrupt for COM1; input is polled\n");
        return 0;
    }
    return irq;
}

void serve(scheme::Process& process) {
    const auto ports = process.grant(abi::GrantKind::Ports, "ports");
    if (!ports) {
        throw std::runtime_error("the start list lacks grant=ports:0x3f8-0x3ff");
    }
    console::Uart uart(ports->slot, console::Uart::kCom1);
    // Its thread outlives everything else.
    auto* own_ports = new console::ChannelPorts(process, process.signaller(kPortsBit));
    SerialConsole scheme(uart, claim_interrupt(process), *own_ports);
    uart.enable_receive_interrupt();
    process.serve("console", scheme);
}

}  // namespace

int main() { return redoubt::scheme::run_program("console", serve); }
