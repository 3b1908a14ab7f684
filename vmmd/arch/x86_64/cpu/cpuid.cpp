// The CPUID policy. Bits are named by their position in APM vol. 3 appendix E (and Intel SDM vol.
// 2A for leaf 7, which both vendors share).
#include "vmmd/arch/x86_64/cpu/cpuid.hpp"

#include <cpuid.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "vmmd/arch/x86_64/isa/control_registers.hpp"

namespace redoubt::vmmd {

namespace {

template <class... Bits>
constexpr std::uint32_t bits(Bits... positions) {
    return ((1U << positions) | ... | 0U);
}

constexpr std::uint32_t kAll = ~0U;
constexpr std::uint32_t kMaximumBasicLeaf = 0xD;
constexpr std::uint32_t kMaximumExtendedLeaf = 0x8000001A;

/// Guest value = (host value & pass) | set.
struct Rule {
    std::uint32_t leaf;
    std::uint32_t subleaf;
    CpuidRegisters pass;
    CpuidRegisters set;
};

constexpr Rule kRules[] = {
    // Family, model, stepping; EBX keeps only the CLFLUSH line size, APIC id and count come per
    // vCPU.
    // ECX hidden: MONITOR 3, DS-CPL 4, VMX 5, SMX 6, EIST 7, TM2 8, SDBG 11, PDCM 15, DCA 18,
    // OSXSAVE
    // (per vCPU). Set: x2APIC 21, TSC deadline 24 (both are vmmd's), hypervisor 31.
    // EDX hidden: PSN 18, DS 21, ACPI 22, HTT 28 (per VM), TM 29, PBE 31. Set: APIC 9.
    {0x1,
     0,
     {kAll, 0x0000FF00, ~bits(2, 3, 4, 5, 6, 7, 8, 10, 11, 15, 18, 27),
      ~bits(18, 21, 22, 28, 29, 31)},
     {0, 0, bits(21, 24, 31), bits(9)}},
    {0x2, 0, {kAll, kAll, kAll, kAll}, {}},
    // ARAT: the APIC timer does not stop in idle states.
    {0x6, 0, {}, {bits(2), 0, 0, 0}},
    // EBX passed: FSGSBASE 0, BMI1 3, AVX2 5, SMEP 7, BMI2 8, ERMS 9, INVPCID 10, AVX-512 16 17 21
    // 28
    // 30 31, RDSEED 18, ADX 19, SMAP 20, CLFLUSHOPT 23, CLWB 24, SHA 29. Set: TSC_ADJUST 1, with
    // which
    // Linux trusts an invariant TSC without a watchdog.
    // ECX passed: AVX512_VBMI 1, UMIP 2, VBMI2 6, GFNI 8, VAES 9, VPCLMULQDQ 10, VNNI 11, BITALG
    // 12,
    // VPOPCNTDQ 14, RDPID 22. Hidden among others: PKU, WAITPKG, LA57 (the page walker has 4
    // levels).
    // EDX passed: FSRM 4, SERIALIZE 14. Speculation controls need their MSRs and are not offered.
    {0x7,
     0,
     {0, bits(0, 3, 5, 7, 8, 9, 10, 16, 17, 18, 19, 20, 21, 23, 24, 28, 29, 30, 31),
      bits(1, 2, 6, 8, 9, 10, 11, 12, 14, 22), bits(4, 14)},
     {0, bits(1), 0, 0}},
    // ECX hidden: CmpLegacy 1 (per VM), SVM 2, ExtApicSpace 3, OSVW 9, IBS 10, SKINIT 12, WDT 13,
    // LWP 15,
    // NodeId 19, TopologyExtensions 22, performance counters 23 24 28, DataBreakpoint 26, PTSC 27,
    // MONITORX 29.
    {0x80000001,
     0,
     {kAll, kAll, ~bits(1, 2, 3, 9, 10, 12, 13, 15, 19, 22, 23, 24, 26, 27, 28, 29), kAll},
     {}},
    {0x80000002, 0, {kAll, kAll, kAll, kAll}, {}},
    {0x80000003, 0, {kAll, kAll, kAll, kAll}, {}},
    {0x80000004, 0, {kAll, kAll, kAll, kAll}, {}},
    {0x80000005, 0, {kAll, kAll, kAll, kAll}, {}},
    {0x80000006, 0, {kAll, kAll, kAll, kAll}, {}},
    // Invariant TSC: the guest's counter is the host's plus a constant, and the host's is invariant
    // by the kernel's own requirement.
    {0x80000007, 0, {}, {0, 0, 0, bits(8)}},
    // Address sizes (48-bit linear at most); EBX passed: CLZERO 0, XSAVEERPTR 2, WBNOINVD 9.
    {0x80000008, 0, {0x000000FF, bits(0, 2, 9), 0, 0}, {0x00003000, 0, 0, 0}},
    {0x80000019, 0, {kAll, kAll, 0, 0}, {}},
    {0x8000001A, 0, {kAll, 0, 0, 0}, {}},
};

// The guest sees KVM's signature with three features, so that Linux takes its paths for virtual
// machines: x2APIC without interrupt remapping; no port 0x80 delays (KVM_FEATURE_NOP_IO_DELAY, 1);
// a clock that tells the TSC's frequency (CLOCKSOURCE2, 3, and its STABLE bit, 24; kvmclock.hpp),
// where measuring it against the PIT fails when the machine is busy. No hypercalls.
constexpr std::uint32_t kHypervisorLeaf = 0x40000000;
constexpr CpuidRegisters kHypervisorSignature = {kHypervisorLeaf + 1, 0x4B4D564B, 0x564B4D56,
                                                 0x0000004D};
constexpr CpuidRegisters kHypervisorFeatures = {bits(1, 3, 24), 0, 0, 0};

constexpr std::uint32_t kLegacyStateSize = 576;  // FXSAVE image and XSAVE header
// Components that fit the state page's XSAVE area: x87, SSE, AVX, AVX-512.
constexpr std::uint64_t kOfferedXcr0 = 0xE7;

/// Only these leaves look at ECX; for all others any subleaf is the same.
constexpr bool has_subleaves(std::uint32_t leaf) {
    return leaf == 4 || leaf == 7 || leaf == 0xB || leaf == 0xD;
}

}  // namespace

CpuidRegisters host_cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
    CpuidRegisters r;
    __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
    return r;
}

std::uint64_t host_xcr0() {
    if ((host_cpuid(1, 0).ecx & bits(27)) == 0) return 0;
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return static_cast<std::uint64_t>(high) << 32 | low;
}

CpuidPolicy::CpuidPolicy(const HostCpuid& host, std::uint64_t host_xcr0, unsigned vcpus)
    : vcpus_(vcpus) {
    const auto basic = host(0, 0);
    const auto maximum_basic = std::min(basic.eax, kMaximumBasicLeaf);
    const auto maximum_extended = std::min(host(0x80000000, 0).eax, kMaximumExtendedLeaf);
    is_amd_ = basic.ebx == 0x68747541 || basic.ebx == 0x6F677948;  // "Auth" and "Hygo"

    add(0, 0, {std::max(maximum_basic, 0xBU), basic.ebx, basic.ecx, basic.edx});
    for (const auto& rule : kRules) {
        const bool extended = rule.leaf >= 0x80000000;
        const bool present = rule.leaf <= (extended ? maximum_extended : maximum_basic);
        if (!present && !(extended ? rule.leaf == 0x80000007 : rule.leaf == 0x6)) continue;
        const auto value = present ? host(rule.leaf, rule.subleaf) : CpuidRegisters{};
        add(rule.leaf, rule.subleaf,
            {(value.eax & rule.pass.eax) | rule.set.eax, (value.ebx & rule.pass.ebx) | rule.set.ebx,
             (value.ecx & rule.pass.ecx) | rule.set.ecx,
             (value.edx & rule.pass.edx) | rule.set.edx});
    }
    add(kHypervisorLeaf, 0, kHypervisorSignature);
    add(kHypervisorLeaf + 1, 0, kHypervisorFeatures);
    add(0x80000000, 0, {std::max(maximum_extended, 0x80000008U), basic.ebx, basic.ecx, basic.edx});

    // Intel's cache parameters speak of shared cores: one package of `vcpus` cores, caches private.
    if (!is_amd_ && maximum_basic >= 4) {
        for (std::uint32_t index = 0; index < 8; ++index) {
            auto cache = host(4, index);
            if ((cache.eax & 0x1F) == 0) break;
            cache.eax = (cache.eax & 0x3FFF) | (vcpus - 1) << 26;
            add(4, index, cache);
        }
    }
    // Topology: level 0 threads (one per core), level 1 cores.
    add(0xB, 0, {0, 1, 1U << 8, 0});
    const auto core_bits = static_cast<std::uint32_t>(std::bit_width(vcpus - 1));
    add(0xB, 1, {core_bits, vcpus, 2U << 8 | 1, 0});

    add_extended_state(host, maximum_basic >= 0xD ? host_xcr0 : 0);
    std::ranges::sort(entries_, [](const Entry& a, const Entry& b) {
        return std::pair(a.leaf, a.subleaf) < std::pair(b.leaf, b.subleaf);
    });

    if (const auto* leaf = find(0x80000008, 0)) {
        physical_address_bits_ = std::clamp(leaf->eax & 0xFF, 36U, 52U);
    }
    if (const auto* leaf = find(0x80000001, 0)) {
        has_nx_ = (leaf->edx & bits(20)) != 0;
    }
}

void CpuidPolicy::add(std::uint32_t leaf, std::uint32_t subleaf, CpuidRegisters value) {
    entries_.push_back({leaf, subleaf, value});
}

void CpuidPolicy::add_extended_state(const HostCpuid& host, std::uint64_t host_xcr0) {
    const auto supported = host(0xD, 0);
    xcr0_mask_ = host_xcr0 & kOfferedXcr0;
    if (xcr0_mask_ != 0) xcr0_mask_ &= supported.eax;
    if ((xcr0_mask_ & 3) != 3) {
        // Without XSAVE there is no AVX either, nor anything that is encoded like it.
        xcr0_mask_ = 0;
        for (auto& entry : entries_) {
            if (entry.leaf == 1) entry.value.ecx &= ~bits(12, 26, 28, 29);
            if (entry.leaf == 7) {
                entry.value.ebx &= ~bits(5, 16, 17, 21, 28, 30, 31);
                entry.value.ecx &= ~bits(1, 6, 9, 10, 11, 12, 14);
            }
            if (entry.leaf == 0x80000001) entry.value.ecx &= ~bits(11, 15, 16);
        }
        return;
    }
    if ((xcr0_mask_ & 0xE0) != 0xE0) {
        xcr0_mask_ &= ~std::uint64_t{0xE0};
        for (auto& entry : entries_) {
            if (entry.leaf == 7) {
                entry.value.ebx &= ~bits(16, 17, 21, 28, 30, 31);
                entry.value.ecx &= ~bits(1, 6, 11, 12, 14);
            }
        }
    }
    for (std::uint32_t component = 2; component < 63; ++component) {
        if ((xcr0_mask_ >> component & 1) == 0) continue;
        const auto area = host(0xD, component);
        add(0xD, component, {area.eax, area.ebx, 0, 0});
    }
    // XSAVEOPT, XSAVEC, XGETBV with ECX=1; not XSAVES, whose XSS is not offered.
    add(0xD, 1, {host(0xD, 1).eax & bits(0, 1, 2), 0, 0, 0});
    add(0xD, 0, {static_cast<std::uint32_t>(xcr0_mask_), 0, extended_state_size(xcr0_mask_), 0});
}

std::uint32_t CpuidPolicy::extended_state_size(std::uint64_t xcr0) const {
    std::uint32_t size = kLegacyStateSize;
    for (const auto& entry : entries_) {
        if (entry.leaf != 0xD || entry.subleaf < 2) continue;
        if ((xcr0 >> entry.subleaf & 1) != 0) {
            size = std::max(size, entry.value.ebx + entry.value.eax);
        }
    }
    return size;
}

const CpuidRegisters* CpuidPolicy::find(std::uint32_t leaf, std::uint32_t subleaf) const {
    const auto found = std::ranges::lower_bound(
        entries_, std::pair(leaf, subleaf), {},
        [](const Entry& entry) { return std::pair(entry.leaf, entry.subleaf); });
    if (found == entries_.end() || found->leaf != leaf || found->subleaf != subleaf) return nullptr;
    return &found->value;
}

std::vector<abi::hv::CpuidEntry> CpuidPolicy::table(unsigned apic_id) const {
    using abi::hv::CpuidEntry;
    std::vector<CpuidEntry> table;
    for (const auto& entry : entries_) {
        // Its EBX depends on XCR0.
        if (entry.leaf == 0xD && entry.subleaf == 0) continue;
        const auto value = query(entry.leaf, entry.subleaf, {apic_id, 0, 1});
        CpuidEntry& row = table.emplace_back();
        row = {entry.leaf, entry.subleaf, 0, value.eax, value.ebx, value.ecx, value.edx, 0};
        if (!has_subleaves(entry.leaf)) row.flags |= CpuidEntry::kAnySubleaf;
        if (entry.leaf == 1 && xcr0_mask_ != 0) row.flags |= CpuidEntry::kShowsOsxsave;
    }
    // The rest exits.
    if (table.size() > abi::hv::kMaximumCpuidEntries) table.resize(abi::hv::kMaximumCpuidEntries);
    return table;
}

CpuidRegisters CpuidPolicy::query(std::uint32_t leaf, std::uint32_t subleaf,
                                  const CpuidContext& context) const {
    const auto* const found = find(leaf, has_subleaves(leaf) ? subleaf : 0);
    CpuidRegisters value = found != nullptr ? *found : CpuidRegisters{};
    switch (leaf) {
        case 0x1:
            value.ebx |= context.apic_id << 24 | vcpus_ << 16;
            if (vcpus_ > 1) value.edx |= bits(28);
            if (xcr0_mask_ != 0 && (context.cr4 & isa::cr4::kOsxsave) != 0) value.ecx |= bits(27);
            break;
        case 0xB:
            if (found == nullptr) value.ecx = subleaf & 0xFF;
            value.edx = context.apic_id;
            break;
        case 0xD:
            if (subleaf == 0 && xcr0_mask_ != 0) value.ebx = extended_state_size(context.xcr0);
            break;
        case 0x80000001:
            // CmpLegacy: the logical processors of leaf 1 are cores, not threads.
            if (is_amd_ && vcpus_ > 1) value.ecx |= bits(1);
            break;
        case 0x80000008:
            // Bits 15..12: how many of the APIC id's bits say which core it is.
            value.ecx = (vcpus_ - 1) | static_cast<std::uint32_t>(std::bit_width(vcpus_ - 1)) << 12;
            break;
        default:
            break;
    }
    return value;
}

}  // namespace redoubt::vmmd
