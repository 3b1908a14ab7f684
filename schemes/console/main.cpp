// console: serves the scheme console: on COM1.
#include <cstdio>
#include <stdexcept>

#include "libhvcall/native/syscall.hpp"
#include "schemes/console/console_scheme.hpp"
#include "schemes/console/uart.hpp"
#include "schemes/libscheme/process.hpp"

namespace {

using namespace redoubt;

class SerialConsole final : public console::ConsoleScheme {
  public:
    SerialConsole(console::Uart& uart, native::Slot irq)
        : ConsoleScheme(uart), uart_(uart), irq_(irq) {}

    void notified(std::uint64_t) override {
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

  private:
    console::Uart& uart_;
    native::Slot irq_;
};

/// The line's interrupt, bound to this process's notification; 0 if it cannot be had.
native::Slot claim_interrupt(scheme::Process& process) {
    const auto control = process.grant(abi::GrantKind::IrqControl);
    if (!control) {
        return 0;
    }
    const native::Slot irq = process.services().allocate_slots(1);
    if (irq == 0 || !native::ok(native::irq_claim(control->slot, console::Uart::kCom1Gsi, irq)) ||
        !native::ok(native::irq_bind(irq, process.signaller(1)))) {
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
    SerialConsole scheme(uart, claim_interrupt(process));
    uart.enable_receive_interrupt();
    process.serve("console", scheme);
}

}  // namespace

int main() { return redoubt::scheme::run_program("console", serve); }
