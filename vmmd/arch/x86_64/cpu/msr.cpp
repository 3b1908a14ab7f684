// The MSR policy: which registers there are, what they hold after power-on, which bits can be
// written.
#include "vmmd/arch/x86_64/cpu/msr.hpp"

#include <algorithm>

#include "vmmd/arch/x86_64/cpu/cpuid.hpp"
#include "vmmd/arch/x86_64/devices/local_apic.hpp"
#include "vmmd/arch/x86_64/isa/control_registers.hpp"
#include "vmmd/clock.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};
constexpr std::uint64_t kMtrrTypeWriteBack = 6;
constexpr std::uint64_t kFixedWriteBack = 0x0606'0606'0606'0606;
constexpr std::uint64_t kMtrrValid = 1U << 11;

enum class Vendor { Any, Amd, Intel };

struct Row {
    std::uint32_t number;
    std::uint32_t count;  ///< this many consecutive registers
    std::uint64_t reset_value;
    std::uint64_t writable;  ///< bits outside cause #GP if a write would change them
    Vendor vendor;
};

// Values are those of APM vol. 2 appendix A and Intel SDM vol. 4 after reset, as firmware leaves
// them.
constexpr Row kRows[] = {
    {0x17, 1, 0, 0, Vendor::Intel},                  // PLATFORM_ID
    {0x3A, 1, 1, 0, Vendor::Intel},                  // FEATURE_CONTROL: locked, VMX off
    {0x8B, 1, 0x0100'0065, kAll, Vendor::Any},       // PATCH_LEVEL / BIOS_SIGN_ID
    {0xFE, 1, 0x508, 0, Vendor::Any},                // MTRRcap: 8 variable, fixed, WC
    {0x179, 1, 0, 0, Vendor::Any},                   // MCG_CAP: no machine-check banks
    {0x17A, 1, 0, kAll, Vendor::Any},                // MCG_STATUS
    {0x1A0, 1, 1, 1, Vendor::Any},                   // MISC_ENABLE: fast strings
    {0x1D9, 1, 0, 0x3, Vendor::Any},                 // DEBUGCTL: LBR, BTF accepted, without effect
    {0x200, 16, 0, kAll, Vendor::Any},               // variable-range MTRRs
    {0x250, 1, kFixedWriteBack, kAll, Vendor::Any},  // fixed-range MTRR, 0..512K
    {0x258, 1, kFixedWriteBack, kAll, Vendor::Any},  // 512K..640K
    {0x259, 1, 0, kAll, Vendor::Any},                // 640K..768K: uncached
    {0x268, 8, kFixedWriteBack, kAll, Vendor::Any},  // 768K..1M
    {0x2FF, 1, 0xC00 | kMtrrTypeWriteBack, 0xCFF, Vendor::Any},  // MTRRdefType
    {0xC001'0000, 8, 0, kAll, Vendor::Amd},         // PERF_CTL, PERF_CTR: count nothing
    {0xC001'0010, 1, 0, kAll, Vendor::Amd},         // SYSCFG
    {0xC001'0015, 1, 1U << 24, kAll, Vendor::Amd},  // HWCR: TSC counts at P0's rate
    {0xC001'001A, 1, 0, kAll, Vendor::Amd},         // TOP_MEM
    {0xC001'001D, 1, 0, kAll, Vendor::Amd},         // TOP_MEM2
    {0xC001'001F, 1, 0, kAll, Vendor::Amd},         // NB_CFG
    {0xC001'0055, 1, 0, kAll, Vendor::Amd},         // interrupt pending message
    {0xC001'0058, 1, 0, 0, Vendor::Amd},            // MMIO configuration base: none
    {0xC001'0112, 2, 0, 0, Vendor::Amd},            // SMM address and mask
    {0xC001'0114, 1, 0x18, 0, Vendor::Amd},         // VM_CR: SVM disabled, locked
    {0xC001'0140, 2, 0, 0, Vendor::Amd},            // OSVW: no entries
    {0xC001'1020, 4, 0, kAll, Vendor::Amd},         // LS_CFG, IC_CFG, DC_CFG, BU_CFG
    {0xC001'1028, 1, 0, kAll, Vendor::Amd},         // FP_CFG
    {0xC001'1029, 1, 1U << 1, kAll, Vendor::Amd},   // DE_CFG: LFENCE is serializing
    {0xC001'102A, 1, 0, kAll, Vendor::Amd},         // BU_CFG2
};

}  // namespace

MsrBank::MsrBank(hvcall::Vcpu& vcpu, const hvcall::GuestMemory& memory,
                 const hvcall::Hypervisor& hypervisor, const CpuidPolicy& cpuid, LocalApic& apic,
                 TscClock& tsc, UnknownHook unknown)
    : vcpu_(vcpu),
      hypervisor_(hypervisor),
      cpuid_(cpuid),
      apic_(apic),
      tsc_(tsc),
      unknown_(std::move(unknown)),
      kvm_clock_(memory, hypervisor.ticks_per_second()) {}

void MsrBank::reset(std::uint64_t memory_below_4g, std::uint64_t memory_end,
                    hvcall::HostTicks tsc_zero) {
    stored_.clear();
    for (const auto& row : kRows) {
        const auto vendor = cpuid_.is_amd() ? Vendor::Amd : Vendor::Intel;
        if (row.vendor != Vendor::Any && row.vendor != vendor) continue;
        for (std::uint32_t i = 0; i < row.count; ++i) {
            stored_.push_back({row.number + i, row.reset_value, row.writable});
        }
    }
    std::ranges::sort(stored_, {}, &Stored::number);
    // Firmware's MTRRs: everything is write-back but the hole for devices below 4 GiB.
    constexpr std::uint64_t kHoleBase = 0xC000'0000;
    const auto address_mask = (std::uint64_t{1} << cpuid_.physical_address_bits()) - 1;
    find(0x200)->value = kHoleBase;
    find(0x201)->value = (address_mask & ~std::uint64_t{0x3FFF'FFFF}) | kMtrrValid;
    if (auto* top = find(0xC001'001A)) top->value = memory_below_4g;
    if (auto* top = find(0xC001'001D)) top->value = memory_end > (1ULL << 32) ? memory_end : 0;
    tsc_adjust_ = 0;
    kvm_clock_.reset();
    set_tsc_offset(0 - tsc_zero.count);
    vcpu_.state().tsc_aux = 0;
}

MsrBank::Stored* MsrBank::find(std::uint32_t number) {
    const auto found = std::ranges::lower_bound(stored_, number, {}, &Stored::number);
    return found != stored_.end() && found->number == number ? &*found : nullptr;
}

std::uint64_t MsrBank::tsc_now() const {
    return hypervisor_.ticks_now().count + vcpu_.state().tsc_offset;
}

std::uint64_t MsrBank::boot_time() const {
    return hypervisor_.real_time_seconds() - tsc_now() / hypervisor_.ticks_per_second();
}

void MsrBank::set_tsc_offset(std::uint64_t offset) {
    vcpu_.state().tsc_offset = offset;
    hvcall::mark_dirty(vcpu_.state(), abi::RegisterGroup::Tsc);
    // The devices see the counter through their clock, which stands still while the VM is paused.
    tsc_.set_offset(offset + stopped_ticks_);
}

void MsrBank::delay_tsc(std::uint64_t ticks) {
    // The page has the latest offset: the hypervisor has an older one if the vCPU has not run
    // since.
    stopped_ticks_ += ticks;
    set_tsc_offset(vcpu_.state().tsc_offset - ticks);
}

std::optional<std::uint64_t> MsrBank::read(std::uint32_t number) {
    if (number >= msr::kX2ApicFirst && number <= msr::kX2ApicLast) return apic_.read_msr(number);
    switch (number) {
        case msr::kTsc:
            return tsc_now();
        case msr::kTscAdjust:
            return tsc_adjust_;
        case msr::kApicBase:
        case msr::kTscDeadline:
            return apic_.read_msr(number);
        case msr::kEfer:
            return vcpu_.state().efer;
        case msr::kTscAux:
            vcpu_.get_state(abi::RegisterGroup::Tsc);
            return vcpu_.state().tsc_aux;
        case msr::kKvmWallClock:
            return 0;
        case msr::kKvmSystemTime:
            return kvm_clock_.system_time();
        default:
            break;
    }
    if (const auto* row = find(number)) return row->value;
    unknown_(number, false, 0);
    return std::nullopt;
}

bool MsrBank::write(std::uint32_t number, std::uint64_t value) {
    if (number >= msr::kX2ApicFirst && number <= msr::kX2ApicLast) {
        return apic_.write_msr(number, value);
    }
    switch (number) {
        // A write of the TSC shows up in TSC_ADJUST and the other way round (SDM vol. 3B 17.17.3).
        case msr::kTsc: {
            const auto difference = value - tsc_now();
            tsc_adjust_ += difference;
            set_tsc_offset(vcpu_.state().tsc_offset + difference);
            return true;
        }
        case msr::kTscAdjust: {
            const auto difference = value - tsc_adjust_;
            tsc_adjust_ = value;
            set_tsc_offset(vcpu_.state().tsc_offset + difference);
            return true;
        }
        case msr::kApicBase:
        case msr::kTscDeadline:
            return apic_.write_msr(number, value);
        case msr::kEfer:
            return write_efer(value);
        case msr::kTscAux:
            if (value >> 32 != 0) return false;
            vcpu_.get_state(abi::RegisterGroup::Tsc);
            vcpu_.state().tsc_aux = value;
            hvcall::mark_dirty(vcpu_.state(), abi::RegisterGroup::Tsc);
            return true;
        case msr::kKvmWallClock:
            return kvm_clock_.write_wall_clock(value, boot_time());
        case msr::kKvmSystemTime:
            return kvm_clock_.write_system_time(value);
        default:
            break;
    }
    if (auto* row = find(number)) {
        if (((row->value ^ value) & ~row->writable) != 0) return false;
        row->value = value;
        return true;
    }
    unknown_(number, true, value);
    return false;
}

// APM vol. 2 3.1.7. LMA is the processor's; SVME is not the guest's.
bool MsrBank::write_efer(std::uint64_t value) {
    auto& state = vcpu_.state();
    const auto leaf = cpuid_.query(0x80000001, 0, {});
    std::uint64_t permitted = isa::efer::kSce | isa::efer::kLme | isa::efer::kLma;
    if (cpuid_.has_nx()) permitted |= isa::efer::kNxe;
    if ((leaf.edx & 1U << 25) != 0) permitted |= isa::efer::kFfxsr;
    if ((value & ~permitted) != 0) return false;
    const auto changed = value ^ state.efer;
    if ((changed & isa::efer::kLme) != 0 && (state.cr0 & isa::cr0::kPg) != 0) return false;
    state.efer = (value & ~isa::efer::kLma) | (state.efer & isa::efer::kLma);
    hvcall::mark_dirty(state, abi::RegisterGroup::Control);
    return true;
}

}  // namespace redoubt::vmmd
