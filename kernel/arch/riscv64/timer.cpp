// This processor's timer: the stimecmp CSR (Sstc), else the firmware's.
#include "arch/timer.hpp"

#include "arch/cpu.hpp"
#include "arch/csr.hpp"
#include "arch/machine.hpp"

namespace redoubt::kernel {

std::uint64_t ticks_per_second() { return boot_information().ticks_per_second; }

void arm_timer(std::uint64_t deadline) {
    PerCpu& cpu = this_cpu();
    if (cpu.armed_deadline == deadline) return;
    cpu.armed_deadline = deadline;
    if (features().sstc) {
        REDOUBT_WRITE_CSR("0x14D", deadline);  // stimecmp, which this assembler does not know
    } else {
        sbi_call(kSbiTimer, 0, deadline);
    }
}

}  // namespace redoubt::kernel
