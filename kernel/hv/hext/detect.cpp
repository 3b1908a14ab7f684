// Detection and enabling of the H-extension.
#include "kernel/hv/hext/detect.hpp"

#include "arch/csr.hpp"
#include "kernel/hv/hext/control.hpp"

namespace redoubt::kernel::hext {

bool detect(hv::Capabilities& capabilities) {
    if (!kernel::features().hypervisor) {
        capabilities.reason = "the processor has no H-extension";
        return false;
    }
    // Fields that are not implemented read as zero, and an unknown mode changes nothing.
    detected_features = {};
    std::uint64_t vmid_mask = 0;
    for (unsigned levels = kFewestLevels; levels <= kMostLevels; ++levels) {
        const std::uint64_t wanted = Hgatp::mode(levels) | Hgatp::kVmidMask << Hgatp::kVmidShift;
        REDOUBT_WRITE_CSR("hgatp", wanted);
        const std::uint64_t hgatp = REDOUBT_READ_CSR("hgatp");
        REDOUBT_WRITE_CSR("hgatp", 0);
        if (hgatp >> Hgatp::kModeShift != wanted >> Hgatp::kModeShift) continue;
        detected_features.formats |= 1U << levels;
        vmid_mask = hgatp >> Hgatp::kVmidShift & Hgatp::kVmidMask;
    }
    if (detected_features.formats == 0) {
        capabilities.reason = "the processor has the H-extension but no G-stage paging";
        return false;
    }
    REDOUBT_WRITE_CSR("henvcfg", kEnvironmentTimer);
    detected_features.guest_timer =
        kernel::features().sstc && (REDOUBT_READ_CSR("henvcfg") & kEnvironmentTimer) != 0;
    detected_features.vmids = static_cast<unsigned>(vmid_mask) + 1;
    capabilities.backend = "hext";
    capabilities.reason = "";
    capabilities.revision = 1;
    capabilities.address_space_ids = detected_features.vmids;
    capabilities.largest_page_bits = 30;
    capabilities.features = {{{"sv39x4", features().has_levels(3)},
                              {"sv48x4", features().has_levels(4)},
                              {"sv57x4", features().has_levels(5)},
                              {"sstc", features().guest_timer},
                              {"v", kernel::features().vector_bytes != 0}}};
    return true;
}

void enable_processor() {
    // Without WFI that waits in the guest, whose monitor knows what it waits for.
    REDOUBT_WRITE_CSR("hstatus", Hstatus::kRegisters64 | Hstatus::kTrapWfi);
    REDOUBT_WRITE_CSR("hideleg", kVirtualInterrupts);
    REDOUBT_WRITE_CSR("hcounteren", kCounterTime);
    REDOUBT_WRITE_CSR("henvcfg", features().guest_timer ? kEnvironmentTimer : 0);
    REDOUBT_WRITE_CSR("hgeie", 0);
    REDOUBT_WRITE_CSR("vsie", 0);
    Processor& processor = this_processor();
    // No two processors ever have the same: a vCPU that moved finds that its VMID is void, and its
    // registers elsewhere.
    processor.vmid_generation = processor.loaded = std::uint64_t{this_cpu().index + 1} << 48;
    processor.next_vmid = 0;
}

}  // namespace redoubt::kernel::hext
