// Host tests: how a start that cannot succeed ends.
#include <stdexcept>

#include "arch/power.hpp"
#include "kernel/print.hpp"

namespace redoubt::kernel {

void print_arguments(const char*, std::initializer_list<PrintArgument>) {}
void stop_machine_after_panic() { throw std::runtime_error{"the machine stops"}; }

}  // namespace redoubt::kernel
