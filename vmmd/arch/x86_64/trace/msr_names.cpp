// Names of the MSRs that guests use most (APM vol. 2 appendix A; Intel SDM vol. 4).
#include "vmmd/arch/x86_64/trace/msr_names.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace redoubt::vmmd {

namespace {

struct MsrName {
    std::uint32_t number;
    std::string_view name;
};

constexpr MsrName kNames[] = {
    {0x10, "TSC"},
    {0x17, "PLATFORM_ID"},
    {0x1B, "APIC_BASE"},
    {0x3A, "FEATURE_CONTROL"},
    {0x3B, "TSC_ADJUST"},
    {0x48, "SPEC_CTRL"},
    {0x49, "PRED_CMD"},
    {0x8B, "PATCH_LEVEL"},
    {0xFE, "MTRRcap"},
    {0x174, "SYSENTER_CS"},
    {0x175, "SYSENTER_ESP"},
    {0x176, "SYSENTER_EIP"},
    {0x179, "MCG_CAP"},
    {0x17A, "MCG_STATUS"},
    {0x1A0, "MISC_ENABLE"},
    {0x1D9, "DEBUGCTL"},
    {0x277, "PAT"},
    {0x2FF, "MTRRdefType"},
    {0x6E0, "TSC_DEADLINE"},
    {0x802, "X2APIC_ID"},
    {0x803, "X2APIC_VERSION"},
    {0x808, "X2APIC_TPR"},
    {0x80A, "X2APIC_PPR"},
    {0x80B, "X2APIC_EOI"},
    {0x80D, "X2APIC_LDR"},
    {0x80F, "X2APIC_SIVR"},
    {0x828, "X2APIC_ESR"},
    {0x82F, "X2APIC_LVT_CMCI"},
    {0x830, "X2APIC_ICR"},
    {0x832, "X2APIC_LVT_TIMER"},
    {0x833, "X2APIC_LVT_THERMAL"},
    {0x834, "X2APIC_LVT_PMI"},
    {0x835, "X2APIC_LVT_LINT0"},
    {0x836, "X2APIC_LVT_LINT1"},
    {0x837, "X2APIC_LVT_ERROR"},
    {0x838, "X2APIC_INIT_COUNT"},
    {0x839, "X2APIC_CUR_COUNT"},
    {0x83E, "X2APIC_DIV_CONF"},
    {0x83F, "X2APIC_SELF_IPI"},
    {0x4B56'4D00, "KVM_WALL_CLOCK_NEW"},
    {0x4B56'4D01, "KVM_SYSTEM_TIME_NEW"},
    {0xC000'0080, "EFER"},
    {0xC000'0081, "STAR"},
    {0xC000'0082, "LSTAR"},
    {0xC000'0083, "CSTAR"},
    {0xC000'0084, "SF_MASK"},
    {0xC000'0100, "FS_BASE"},
    {0xC000'0101, "GS_BASE"},
    {0xC000'0102, "KERNEL_GS_BASE"},
    {0xC000'0103, "TSC_AUX"},
    {0xC001'0010, "SYSCFG"},
    {0xC001'0015, "HWCR"},
    {0xC001'001A, "TOP_MEM"},
    {0xC001'001D, "TOP_MEM2"},
    {0xC001'0055, "INT_PENDING"},
    {0xC001'0058, "MMIO_CONFIG_BASE"},
    {0xC001'0112, "SMM_ADDR"},
    {0xC001'0113, "SMM_MASK"},
    {0xC001'0114, "VM_CR"},
    {0xC001'0140, "OSVW_ID_LENGTH"},
    {0xC001'0141, "OSVW_STATUS"},
    {0xC001'1029, "DE_CFG"},
};
static_assert(std::ranges::is_sorted(kNames, {}, &MsrName::number));

}  // namespace

std::string_view msr_name(std::uint32_t number) {
    const auto* found = std::ranges::lower_bound(kNames, number, {}, &MsrName::number);
    return found != std::end(kNames) && found->number == number ? found->name : std::string_view();
}

}  // namespace redoubt::vmmd
