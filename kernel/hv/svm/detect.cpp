// Detection and enabling of SVM.
#include "kernel/hv/svm/detect.hpp"

#include "arch/cpu.hpp"
#include "arch/msr.hpp"
#include "arch/page_format.hpp"
#include "arch/paging.hpp"
#include "kernel/mm/mapper.hpp"

namespace redoubt::kernel::svm {
namespace {

constexpr std::uint32_t kMsrVmCr = 0xC001'0114, kMsrVmHsavePa = 0xC001'0117;
constexpr std::uint64_t kVmCrSvmDisable = 1ULL << 4;

PermissionMaps maps;

constexpr bool bit(std::uint32_t value, unsigned index) { return (value >> index & 1) != 0; }

/// Physical address of something in the kernel's image.
PhysicalAddress image_address(const void* object) {
    const VirtualAddress address{reinterpret_cast<std::uintptr_t>(object)};
    return PageMapper<KernelPageFormat>::translate_at(kernel_root(), address)->address;
}

}  // namespace

bool detect(hv::Capabilities& capabilities) {
    if (cpuid(0x8000'0000).eax < 0x8000'000A) return false;
    const CpuidResult extended = cpuid(0x8000'0001);
    if (!bit(extended.ecx, 2)) {
        capabilities.reason = "the processor has no SVM";
        return false;
    }
    const CpuidResult svm = cpuid(0x8000'000A);
    if ((read_msr(kMsrVmCr) & kVmCrSvmDisable) != 0) {
        capabilities.reason =
            bit(svm.edx, 2) ? "SVM is locked by the firmware" : "SVM is disabled by the firmware";
        return false;
    }
    if (!bit(svm.edx, 0)) {
        capabilities.reason = "the processor has SVM but no nested paging";
        return false;
    }
    if (svm.ebx < 2) {
        capabilities.reason = "the processor has SVM but no ASID for guests";
        return false;
    }
    detected_features = {.next_rip_save = bit(svm.edx, 3),
                         .decode_assists = bit(svm.edx, 7),
                         .rdtscp = bit(extended.edx, 27),
                         .breakpoints_follow_host = kernel::features().emulated,
                         .asids = svm.ebx};
    if (bit(extended.edx, 26)) long_mode_largest_leaf = 2;
    capabilities.backend = "svm";
    capabilities.reason = "";
    capabilities.revision = svm.eax & 0xFF;
    capabilities.address_space_ids = svm.ebx;
    capabilities.largest_page_bits = long_mode_largest_leaf == 2 ? 30 : 21;
    capabilities.features = {{{"nested-paging", true},
                              {"lbr-virtualization", bit(svm.edx, 1)},
                              {"svm-lock", bit(svm.edx, 2)},
                              {"next-rip-save", bit(svm.edx, 3)},
                              {"tsc-rate", bit(svm.edx, 4)},
                              {"vmcb-clean", bit(svm.edx, 5)},
                              {"flush-by-asid", bit(svm.edx, 6)},
                              {"decode-assists", bit(svm.edx, 7)},
                              {"pause-filter", bit(svm.edx, 10)},
                              {"pause-filter-threshold", bit(svm.edx, 12)},
                              {"avic", bit(svm.edx, 13)},
                              {"virtual-vmsave", bit(svm.edx, 15)},
                              {"vgif", bit(svm.edx, 16)},
                              {"gmet", bit(svm.edx, 17)},
                              {"address-check", bit(svm.edx, 28)},
                              {"page-1g", bit(extended.edx, 26)}}};
    initialize_permission_maps(maps);
    return true;
}

void enable_processor() {
    Processor& processor = this_processor();
    write_msr(kMsrEfer, read_msr(kMsrEfer) | kEferSvme);
    write_msr(kMsrVmHsavePa, image_address(processor.host_save_area).value());
    processor.host_state_address = image_address(&processor.host_state).value();
    // No two processors ever have the same: a vCPU that moved finds that its ASID is void.
    processor.asid_generation = std::uint64_t{this_cpu().index + 1} << 48;
    processor.next_asid = 1;
}

PhysicalAddress io_map() {
    static const PhysicalAddress address = image_address(maps.io);
    return address;
}

PhysicalAddress msr_map() {
    static const PhysicalAddress address = image_address(maps.msr);
    return address;
}

}  // namespace redoubt::kernel::svm
