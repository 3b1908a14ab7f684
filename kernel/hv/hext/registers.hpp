// The guest's control registers between the state page and the processor. The page is the
// monitor's: none of them lets a guest reach the host.
#pragma once

#include <cstdint>

#include "abi/riscv64/vcpu_state.hpp"
#include "arch/csr.hpp"
#include "kernel/hv/hext/control.hpp"

namespace redoubt::kernel::hext {

/// Those that nobody but this guest uses, when the processor has somebody else's.
inline void load_supervisor(const abi::VcpuState& state) {
    REDOUBT_WRITE_CSR("vsstatus", sanitized_status(state.vsstatus));
    REDOUBT_WRITE_CSR("vsie", state.vsie);
    REDOUBT_WRITE_CSR("vstvec", state.vstvec);
    REDOUBT_WRITE_CSR("vsscratch", state.vsscratch);
    REDOUBT_WRITE_CSR("vsepc", state.vsepc & ~std::uint64_t{1});
    REDOUBT_WRITE_CSR("vscause", state.vscause);
    REDOUBT_WRITE_CSR("vstval", state.vstval);
    REDOUBT_WRITE_CSR("vsatp", sanitized_translation(state.vsatp));
    REDOUBT_WRITE_CSR("htimedelta", state.time_delta);
}

/// Those that the monitor changes from run to run, and those of user mode, which are the host's
/// outside.
inline void load_always(const abi::VcpuState& state) {
    REDOUBT_WRITE_CSR("hvip", state.inject & kVirtualInterrupts);
    REDOUBT_WRITE_CSR("scounteren", state.scounteren);
    REDOUBT_WRITE_CSR("senvcfg", state.senvcfg);
}

inline void store_registers(abi::VcpuState& state) {
    constexpr std::uint64_t kHostCounters = kCounterTime, kHostEnvironment = 0;
    state.scounteren = REDOUBT_EXCHANGE_CSR("scounteren", kHostCounters);
    state.senvcfg = REDOUBT_EXCHANGE_CSR("senvcfg", kHostEnvironment);
    state.inject = REDOUBT_READ_CSR("hvip");
    state.vsstatus = REDOUBT_READ_CSR("vsstatus");
    state.vsie = REDOUBT_READ_CSR("vsie");
    state.vstvec = REDOUBT_READ_CSR("vstvec");
    state.vsscratch = REDOUBT_READ_CSR("vsscratch");
    state.vsepc = REDOUBT_READ_CSR("vsepc");
    state.vscause = REDOUBT_READ_CSR("vscause");
    state.vstval = REDOUBT_READ_CSR("vstval");
    state.vsatp = REDOUBT_READ_CSR("vsatp");
}

}  // namespace redoubt::kernel::hext
