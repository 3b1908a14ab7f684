// What CPUID tells the guest: the host's answer through a policy table, plus what vmmd makes
// itself.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "abi/x86_64/identification.hpp"

namespace redoubt::vmmd {

struct CpuidRegisters {
    std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
    friend bool operator==(const CpuidRegisters&, const CpuidRegisters&) = default;
};

/// Where the host's leaves come from; tests pass a table.
using HostCpuid = std::function<CpuidRegisters(std::uint32_t leaf, std::uint32_t subleaf)>;
CpuidRegisters host_cpuid(std::uint32_t leaf, std::uint32_t subleaf);
/// The extended state components that this host has switched on (XCR0); 0 without XSAVE.
std::uint64_t host_xcr0();

/// What the answer depends on beyond leaf and subleaf.
struct CpuidContext {
    unsigned apic_id = 0;
    std::uint64_t cr4 = 0;
    std::uint64_t xcr0 = 1;
};

/// Computed once per VM; answering is a search in a short sorted array.
class CpuidPolicy {
  public:
    CpuidPolicy(const HostCpuid& host, std::uint64_t host_xcr0, unsigned vcpus);

    CpuidRegisters query(std::uint32_t leaf, std::uint32_t subleaf,
                         const CpuidContext& context) const;
    /// The same answers, as far as they are always the same, for a vCPU to give without its
    /// monitor.
    std::vector<abi::hv::CpuidEntry> table(unsigned apic_id) const;
    /// XCR0 bits the guest may set; 0 if it has no XSAVE.
    std::uint64_t xcr0_mask() const { return xcr0_mask_; }
    unsigned physical_address_bits() const { return physical_address_bits_; }
    bool has_nx() const { return has_nx_; }
    /// For MSRs that only one of the vendors has.
    bool is_amd() const { return is_amd_; }

  private:
    struct Entry {
        std::uint32_t leaf;
        std::uint32_t subleaf;
        CpuidRegisters value;
    };
    void add(std::uint32_t leaf, std::uint32_t subleaf, CpuidRegisters value);
    void add_extended_state(const HostCpuid& host, std::uint64_t host_xcr0);
    const CpuidRegisters* find(std::uint32_t leaf, std::uint32_t subleaf) const;
    std::uint32_t extended_state_size(std::uint64_t xcr0) const;

    std::vector<Entry> entries_;  ///< sorted by leaf, subleaf
    unsigned vcpus_;
    std::uint64_t xcr0_mask_ = 0;
    unsigned physical_address_bits_ = 36;
    bool has_nx_ = false;
    bool is_amd_ = false;
};

}  // namespace redoubt::vmmd
