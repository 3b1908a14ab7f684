// Counts what one round trip of each kind of exit costs: guest -> kernel -> this process -> guest.
// Runs on Redoubt in place of vmmd. Prints "BENCH exits NAME MEDIAN" lines; tools/bench makes the
// table. Which exits there are is the architecture's: measure_exits().
#include <cstdio>

#include "libhvcall/native_hv/native_hypervisor.hpp"
#include "tests/bench/exit_guest.hpp"

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    redoubt::hvcall::announce_ready();
    auto hypervisor = redoubt::hvcall::open_native_hypervisor();
    if (!hypervisor) {
        std::printf("BENCH FAILED %s\n", hypervisor.error().c_str());
        return 1;
    }
    redoubt::bench::measure_exits(**hypervisor);
    std::printf("BENCH DONE\n");
    return 0;
}
