// The CPUID policy on a made-up host that has everything.
#include "vmmd/arch/x86_64/cpu/cpuid.hpp"

#include <gtest/gtest.h>

namespace redoubt::vmmd {
namespace {

constexpr std::uint32_t kAll = ~0U;

CpuidRegisters amd_host(std::uint32_t leaf, std::uint32_t subleaf) {
    switch (leaf) {
        case 0:
            return {0xD, 0x68747541, 0x444D4163, 0x69746E65};
        case 0xD:
            if (subleaf == 0) return {7, 832, 832, 0};
            if (subleaf == 1) return {kAll, 0, 0, 0};
            if (subleaf == 2) return {256, 576, 0, 0};
            return {};
        case 0x80000000:
            return {0x8000001F, 0x68747541, 0x444D4163, 0x69746E65};
        case 0x80000008:
            return {0x3030, kAll, 0x7, 0};
        default:
            return {kAll, kAll, kAll, kAll};
    }
}

bool has(std::uint32_t value, unsigned bit) { return (value >> bit & 1) != 0; }

class Cpuid : public testing::Test {
  protected:
    CpuidPolicy policy_{amd_host, 7, 1};
    CpuidRegisters query(std::uint32_t leaf, std::uint32_t subleaf = 0) const {
        return policy_.query(leaf, subleaf, context_);
    }
    CpuidContext context_;
};

TEST_F(Cpuid, HidesVirtualizationAndMonitor) {
    EXPECT_FALSE(has(query(1).ecx, 3));            // MONITOR
    EXPECT_FALSE(has(query(1).ecx, 5));            // VMX
    EXPECT_FALSE(has(query(0x80000001).ecx, 2));   // SVM
    EXPECT_FALSE(has(query(0x80000001).ecx, 29));  // MONITORX
    EXPECT_EQ(query(0x8000000A), CpuidRegisters{});
}

TEST_F(Cpuid, ShowsWhatVmmdEmulates) {
    EXPECT_TRUE(has(query(1).ecx, 21));  // x2APIC
    EXPECT_TRUE(has(query(1).ecx, 24));  // TSC deadline
    EXPECT_TRUE(has(query(1).ecx, 31));  // hypervisor
    EXPECT_TRUE(has(query(1).edx, 9));   // APIC
    EXPECT_TRUE(has(query(7).ebx, 1));   // TSC_ADJUST
    EXPECT_TRUE(has(query(0x80000007).edx, 8));
}

TEST_F(Cpuid, TheTableSaysTheSameWithoutTheMonitor) {
    using abi::hv::CpuidEntry;
    const CpuidPolicy policy{amd_host, 7, 4};
    const auto table = policy.table(3);
    ASSERT_FALSE(table.empty());
    EXPECT_LE(table.size(), abi::hv::kMaximumCpuidEntries);
    bool has_features = false;
    for (const auto& entry : table) {
        for (const std::uint64_t cr4 : {0U, 1U << 18}) {
            auto wanted = policy.query(entry.leaf, entry.subleaf, {3, cr4, 7});
            if ((entry.flags & CpuidEntry::kShowsOsxsave) != 0) {
                has_features = true;
                wanted.ecx = cr4 != 0 ? wanted.ecx & ~(1U << 27) : wanted.ecx;
            }
            EXPECT_EQ((CpuidRegisters{entry.eax, entry.ebx, entry.ecx, entry.edx}), wanted)
                << entry.leaf << '.' << entry.subleaf;
            if ((entry.flags & CpuidEntry::kAnySubleaf) != 0) {
                EXPECT_EQ(policy.query(entry.leaf, 99, {3, 0, 7}),
                          policy.query(entry.leaf, entry.subleaf, {3, 0, 7}));
            }
        }
        EXPECT_FALSE(entry.leaf == 0xD && entry.subleaf == 0) << "it depends on XCR0";
    }
    EXPECT_TRUE(has_features);
}

TEST_F(Cpuid, OsxsaveFollowsCr4) {
    EXPECT_FALSE(has(query(1).ecx, 27));
    context_.cr4 = 1U << 18;
    EXPECT_TRUE(has(query(1).ecx, 27));
}

TEST_F(Cpuid, ExtendedStateSizeFollowsXcr0) {
    context_.xcr0 = 1;
    EXPECT_EQ(query(0xD).ebx, 576U);
    context_.xcr0 = 7;
    EXPECT_EQ(query(0xD).ebx, 832U);
    EXPECT_EQ(query(0xD).eax, 7U);
    EXPECT_EQ(query(0xD).ecx, 832U);
    EXPECT_FALSE(has(query(0xD, 1).eax, 3));  // XSAVES
    EXPECT_EQ(query(0xD, 2).eax, 256U);
    EXPECT_EQ(query(0xD, 9), CpuidRegisters{});
}

TEST_F(Cpuid, Avx512IsShownOnlyIfItsStateIs) {
    EXPECT_FALSE(has(query(7).ebx, 16));
    EXPECT_TRUE(has(query(7).ebx, 5));
}

TEST_F(Cpuid, TopologyIsOnePackageOfOneThreadCores) {
    EXPECT_EQ(query(1).ebx >> 16 & 0xFF, 1U);
    EXPECT_EQ(query(0xB, 0), (CpuidRegisters{0, 1, 0x100, 0}));
    EXPECT_EQ(query(0xB, 1), (CpuidRegisters{0, 1, 0x201, 0}));
    EXPECT_EQ(query(0x80000008).ecx, 0U);
    const CpuidPolicy four(amd_host, 7, 4);
    EXPECT_EQ(four.query(0xB, 1, {.apic_id = 3}), (CpuidRegisters{2, 4, 0x201, 3}));
    EXPECT_EQ(four.query(1, 0, {.apic_id = 3}).ebx >> 24, 3U);
    EXPECT_EQ(four.query(1, 0, {}).ebx >> 16 & 0xFF, 4U);
    EXPECT_EQ(four.query(0x80000008, 0, {}).ecx, 2U << 12 | 3U);
    // HTT and CmpLegacy together: cores, not threads.
    EXPECT_TRUE(has(four.query(1, 0, {}).edx, 28));
    EXPECT_TRUE(has(four.query(0x80000001, 0, {}).ecx, 1));
    EXPECT_FALSE(has(query(1).edx, 28));
    EXPECT_FALSE(has(query(0x80000001).ecx, 1));
}

TEST_F(Cpuid, HypervisorLeavesOfferTheClockAndNoHypercalls) {
    EXPECT_EQ(query(0x40000000).ebx, 0x4B4D564BU);
    EXPECT_EQ(query(0x40000001).eax, 1U << 1 | 1U << 3 | 1U << 24);
}

TEST_F(Cpuid, LeavesBeyondTheEndAreZero) {
    EXPECT_EQ(query(0x14), CpuidRegisters{});
    EXPECT_EQ(query(0x8000001E), CpuidRegisters{});
    EXPECT_EQ(query(0xFFFFFFFF), CpuidRegisters{});
}

TEST(CpuidWithoutXsave, HidesAvxAndXsave) {
    const CpuidPolicy policy(amd_host, 0, 1);
    EXPECT_EQ(policy.xcr0_mask(), 0U);
    EXPECT_FALSE(has(policy.query(1, 0, {.cr4 = ~0U}).ecx, 26));
    EXPECT_FALSE(has(policy.query(1, 0, {.cr4 = ~0U}).ecx, 27));
    EXPECT_FALSE(has(policy.query(1, 0, {}).ecx, 28));
    EXPECT_FALSE(has(policy.query(7, 0, {}).ebx, 5));
    EXPECT_EQ(policy.query(0xD, 0, {}), CpuidRegisters{});
}

TEST(CpuidOfThisHost, CanBeMade) {
    const CpuidPolicy policy(host_cpuid, host_xcr0(), 1);
    EXPECT_GE(policy.physical_address_bits(), 36U);
    EXPECT_TRUE(has(policy.query(1, 0, {}).ecx, 31));
}

}  // namespace
}  // namespace redoubt::vmmd
