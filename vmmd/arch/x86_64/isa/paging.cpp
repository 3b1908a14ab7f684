// The page walk.
#include "vmmd/arch/x86_64/isa/paging.hpp"

#include "vmmd/arch/x86_64/isa/alu.hpp"

namespace redoubt::vmmd::isa {

namespace {

using hvcall::GuestMemory;
using hvcall::GuestPhysicalAddress;

enum Entry : std::uint64_t {
    kPresent = 1U << 0,
    kWritable = 1U << 1,
    kUser = 1U << 2,
    kAccessed = 1U << 5,
    kDirty = 1U << 6,
    kLarge = 1U << 7,
    kNoExecute = 1ULL << 63,
};
enum ErrorCode : std::uint32_t {
    kFaultPresent = 1U << 0,
    kFaultWrite = 1U << 1,
    kFaultUser = 1U << 2,
    kFaultReserved = 1U << 3,
    kFaultFetch = 1U << 4,
};
constexpr std::uint64_t kAddressMask = 0x000F'FFFF'FFFF'F000;

/// Where the next entry is, and how wide the tables are.
struct Walk {
    const GuestMemory& memory;
    const abi::VcpuState& state;
    std::uint64_t linear;
    Access access;
    Evidence* evidence;

    std::unexpected<PageFault> fault(std::uint32_t bits) const {
        std::uint32_t code = bits;
        if (access == Access::Write) code |= kFaultWrite;
        if (state.cpl == 3) code |= kFaultUser;
        const bool fetch_is_told = (state.efer & efer::kNxe) != 0 || (state.cr4 & cr4::kSmep) != 0;
        if (access == Access::Fetch && fetch_is_told) code |= kFaultFetch;
        return std::unexpected(PageFault{code, linear});
    }

    /// `rights`: what all levels permit together (no-execute set if any level sets it).
    bool permitted(std::uint64_t rights) const {
        if (access == Access::Inspect) return true;
        const bool user_page = (rights & kUser) != 0;
        const bool user = state.cpl == 3;
        if (user && !user_page) return false;
        if (access == Access::Fetch) {
            if ((rights & kNoExecute) != 0 && (state.efer & efer::kNxe) != 0) return false;
            return user || !user_page || (state.cr4 & cr4::kSmep) == 0;
        }
        if (!user && user_page && (state.cr4 & cr4::kSmap) != 0 &&
            (state.rflags & rflags::kAlignmentCheck) == 0) {
            return false;
        }
        if (access == Access::Write && (rights & kWritable) == 0) {
            return !user && (state.cr0 & cr0::kWp) == 0;
        }
        return true;
    }

    /// An entry of a walk that has succeeded.
    template <class T>
    void used(std::uint64_t address, T entry, bool leaf) const {
        if (access != Access::Inspect) {
            std::uint32_t wanted = kAccessed;
            if (leaf && access == Access::Write) wanted |= kDirty;
            if ((entry & wanted) != wanted) {
                entry |= wanted;
                // The bits are in the lowest byte of either width.
                const auto byte = memory.at(GuestPhysicalAddress{address}, 1);
                if (!byte.empty()) byte[0] = static_cast<std::uint8_t>(byte[0] | wanted);
            }
        }
        told(address, entry);
    }
    template <class T>
    void told(std::uint64_t address, T entry) const {
        if (evidence != nullptr) evidence->add(memory, address, entry);
    }
};

std::expected<std::uint64_t, PageFault> walk_8_byte_entries(const Walk& walk, std::uint64_t table,
                                                            unsigned top_shift) {
    std::uint64_t rights = kWritable | kUser;
    struct {
        std::uint64_t address, entry;
    } upper[3];
    unsigned depth = 0;
    for (unsigned shift = top_shift;; shift -= 9) {
        // In PAE mode the top level has four entries.
        const std::uint64_t index_mask = shift == 30 && top_shift == 30 ? 3 : 0x1FF;
        const auto address = table + (walk.linear >> shift & index_mask) * 8;
        const auto read = walk.memory.read<std::uint64_t>(GuestPhysicalAddress{address});
        if (!read) return walk.fault(0);
        const auto entry = *read;
        if ((entry & kPresent) == 0) return walk.fault(0);
        if ((entry & kNoExecute) != 0 && (walk.state.efer & efer::kNxe) == 0) {
            return walk.fault(kFaultPresent | kFaultReserved);
        }
        const bool pae_root = shift == 30 && top_shift == 30;
        if (!pae_root)
            rights = (rights & (entry | ~std::uint64_t{kWritable | kUser})) | (entry & kNoExecute);
        const bool large = (entry & kLarge) != 0 && (shift == 21 || (shift == 30 && !pae_root));
        if (shift != 12 && !large) {
            upper[depth++] = {address, entry};
            table = entry & kAddressMask;
            continue;
        }
        if (!walk.permitted(rights)) return walk.fault(kFaultPresent);
        for (unsigned i = 0; i < depth; ++i) {
            // The entries of a root of four have no such bits.
            if (i == 0 && top_shift == 30) {
                walk.told(upper[i].address, upper[i].entry);
            } else {
                walk.used(upper[i].address, upper[i].entry, false);
            }
        }
        walk.used(address, entry, true);
        const auto offset_mask = (std::uint64_t{1} << shift) - 1;
        return (entry & kAddressMask & ~offset_mask) | (walk.linear & offset_mask);
    }
}

std::expected<std::uint64_t, PageFault> walk_4_byte_entries(const Walk& walk) {
    const auto table = walk.state.cr3 & 0xFFFF'F000;
    const auto directory = table + (walk.linear >> 22 & 0x3FF) * 4;
    const auto first = walk.memory.read<std::uint32_t>(GuestPhysicalAddress{directory});
    if (!first || (*first & kPresent) == 0) return walk.fault(0);
    if ((*first & kLarge) != 0 && (walk.state.cr4 & cr4::kPse) != 0) {
        if (!walk.permitted(*first & (kWritable | kUser))) return walk.fault(kFaultPresent);
        walk.used(directory, *first, true);
        // PSE-36: bits 39..32 of the address are in bits 20..13.
        const auto high = static_cast<std::uint64_t>(*first >> 13 & 0xFF) << 32;
        return high | (*first & 0xFFC0'0000) | (walk.linear & 0x3F'FFFF);
    }
    const auto entry_address = (*first & 0xFFFF'F000) + (walk.linear >> 12 & 0x3FF) * 4;
    const auto second = walk.memory.read<std::uint32_t>(GuestPhysicalAddress{entry_address});
    if (!second || (*second & kPresent) == 0) return walk.fault(0);
    if (!walk.permitted(*first & *second & (kWritable | kUser))) return walk.fault(kFaultPresent);
    walk.used(directory, *first, false);
    walk.used(entry_address, *second, true);
    return std::uint64_t{*second & 0xFFFF'F000} | (walk.linear & 0xFFF);
}

}  // namespace

std::expected<std::uint64_t, PageFault> translate(const abi::VcpuState& state,
                                                  const GuestMemory& memory, std::uint64_t linear,
                                                  Access access, Evidence* evidence) {
    if (!in_64bit_mode(state)) linear &= 0xFFFF'FFFF;
    if ((state.cr0 & cr0::kPg) == 0) return linear;
    const Walk walk{memory, state, linear, access, evidence};
    if (in_long_mode(state)) return walk_8_byte_entries(walk, state.cr3 & kAddressMask, 39);
    if ((state.cr4 & cr4::kPae) != 0) return walk_8_byte_entries(walk, state.cr3 & 0xFFFF'FFE0, 30);
    return walk_4_byte_entries(walk);
}

}  // namespace redoubt::vmmd::isa
