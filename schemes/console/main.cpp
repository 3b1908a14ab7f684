// console: serves the scheme console: on the serial line, and streams that have a virtio port of
// their own on that.
#include <cstdio>

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

void serve(scheme::Process& process) {
    console::Uart uart{console::UartRegisters(process)};
    const native::Slot irq =
        process.claim_interrupt(uart.interrupt(), process.signaller(kInterruptBit));
    if (irq == 0) {
        std::fprintf(stderr, "console: no interrupt for the serial line; input is polled\n");
    }
    // Its thread outlives everything else.
    auto* own_ports = new console::ChannelPorts(process, process.signaller(kPortsBit));
    SerialConsole scheme(uart, irq, *own_ports);
    uart.enable_receive_interrupt();
    process.serve("console", scheme);
}

}  // namespace

int main() { return redoubt::scheme::run_program("console", serve); }
