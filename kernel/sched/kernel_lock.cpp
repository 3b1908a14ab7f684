// Waiting for the kernel lock.
#include "kernel/sched/kernel_lock.hpp"

#include "arch/cpu.hpp"

namespace redoubt::kernel {

void wait_for_kernel_lock(std::uint32_t ticket) {
    while (kernel_lock.now_serving.load(std::memory_order_acquire) != ticket) pause_processor();
}

}  // namespace redoubt::kernel
