// What entry.S calls with the address of BootInfo.
#include "abi/startup.hpp"
#include "schemes/init/supervisor.hpp"

extern "C" [[noreturn]] void init_main(const redoubt::abi::BootInfo* boot) {
    redoubt::init::Supervisor::run(*boot);
}
