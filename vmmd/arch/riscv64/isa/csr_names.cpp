// What control and status registers are called: those of 64-bit harts (Privileged
// Specification 1.12, tables 2.2 to 2.6; Sstc, Smstateen, Smaia, the debug and the vector
// specification).
#include <algorithm>
#include <array>
#include <string_view>

#include "vmmd/arch/riscv64/isa/instruction_table.hpp"
#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd::isa {

namespace {

struct Csr {
    unsigned number;
    std::string_view name;
};
constexpr auto kCsrs = std::to_array<Csr>({
    {0x1, "fflags"},
    {0x2, "frm"},
    {0x3, "fcsr"},
    {0x8, "vstart"},
    {0x9, "vxsat"},
    {0xa, "vxrm"},
    {0xf, "vcsr"},
    {0x15, "seed"},
    {0x100, "sstatus"},
    {0x104, "sie"},
    {0x105, "stvec"},
    {0x106, "scounteren"},
    {0x10a, "senvcfg"},
    {0x10c, "sstateen0"},
    {0x10d, "sstateen1"},
    {0x10e, "sstateen2"},
    {0x10f, "sstateen3"},
    {0x140, "sscratch"},
    {0x141, "sepc"},
    {0x142, "scause"},
    {0x143, "stval"},
    {0x144, "sip"},
    {0x14d, "stimecmp"},
    {0x150, "siselect"},
    {0x151, "sireg"},
    {0x15c, "stopei"},
    {0x180, "satp"},
    {0x200, "vsstatus"},
    {0x204, "vsie"},
    {0x205, "vstvec"},
    {0x240, "vsscratch"},
    {0x241, "vsepc"},
    {0x242, "vscause"},
    {0x243, "vstval"},
    {0x244, "vsip"},
    {0x24d, "vstimecmp"},
    {0x250, "vsiselect"},
    {0x251, "vsireg"},
    {0x25c, "vstopei"},
    {0x280, "vsatp"},
    {0x300, "mstatus"},
    {0x301, "misa"},
    {0x302, "medeleg"},
    {0x303, "mideleg"},
    {0x304, "mie"},
    {0x305, "mtvec"},
    {0x306, "mcounteren"},
    {0x308, "mvien"},
    {0x309, "mvip"},
    {0x30a, "menvcfg"},
    {0x30c, "mstateen0"},
    {0x30d, "mstateen1"},
    {0x30e, "mstateen2"},
    {0x30f, "mstateen3"},
    {0x320, "mcountinhibit"},
    {0x340, "mscratch"},
    {0x341, "mepc"},
    {0x342, "mcause"},
    {0x343, "mtval"},
    {0x344, "mip"},
    {0x34a, "mtinst"},
    {0x34b, "mtval2"},
    {0x350, "miselect"},
    {0x351, "mireg"},
    {0x35c, "mtopei"},
    {0x5a8, "scontext"},
    {0x600, "hstatus"},
    {0x602, "hedeleg"},
    {0x603, "hideleg"},
    {0x604, "hie"},
    {0x605, "htimedelta"},
    {0x606, "hcounteren"},
    {0x607, "hgeie"},
    {0x608, "hvien"},
    {0x609, "hvictl"},
    {0x60a, "henvcfg"},
    {0x60c, "hstateen0"},
    {0x60d, "hstateen1"},
    {0x60e, "hstateen2"},
    {0x60f, "hstateen3"},
    {0x643, "htval"},
    {0x644, "hip"},
    {0x645, "hvip"},
    {0x646, "hviprio1"},
    {0x647, "hviprio2"},
    {0x64a, "htinst"},
    {0x680, "hgatp"},
    {0x6a8, "hcontext"},
    {0x747, "mseccfg"},
    {0x7a0, "tselect"},
    {0x7a1, "tdata1"},
    {0x7a2, "tdata2"},
    {0x7a3, "tdata3"},
    {0x7a4, "tinfo"},
    {0x7a5, "tcontrol"},
    {0x7a8, "mcontext"},
    {0x7aa, "mscontext"},
    {0x7b0, "dcsr"},
    {0x7b1, "dpc"},
    {0x7b2, "dscratch0"},
    {0x7b3, "dscratch1"},
    {0xb00, "mcycle"},
    {0xb02, "minstret"},
    {0xc00, "cycle"},
    {0xc01, "time"},
    {0xc02, "instret"},
    {0xc20, "vl"},
    {0xc21, "vtype"},
    {0xc22, "vlenb"},
    {0xda0, "scountovf"},
    {0xdb0, "stopi"},
    {0xe12, "hgeip"},
    {0xeb0, "vstopi"},
    {0xf11, "mvendorid"},
    {0xf12, "marchid"},
    {0xf13, "mimpid"},
    {0xf14, "mhartid"},
    {0xf15, "mconfigptr"},
    {0xfb0, "mtopi"},
});
static_assert(std::ranges::is_sorted(kCsrs, {}, &Csr::number));

/// Those with a number in their name.
struct CsrRow {
    unsigned first, last;
    std::string_view name;
    unsigned first_suffix;
};
constexpr auto kRows = std::to_array<CsrRow>({{0x323, 0x33F, "mhpmevent", 3},
                                              {0x3A0, 0x3AF, "pmpcfg", 0},
                                              {0x3B0, 0x3EF, "pmpaddr", 0},
                                              {0xB03, 0xB1F, "mhpmcounter", 3},
                                              {0xC03, 0xC1F, "hpmcounter", 3}});

}  // namespace

std::string csr_name(unsigned number) {
    const auto found = std::ranges::lower_bound(kCsrs, number, {}, &Csr::number);
    if (found != kCsrs.end() && found->number == number) return std::string(found->name);
    for (const auto& row : kRows) {
        if (number >= row.first && number <= row.last)
            return std::string(row.name) + std::to_string(number - row.first + row.first_suffix);
    }
    return format("0x%x", number);
}

}  // namespace redoubt::vmmd::isa
