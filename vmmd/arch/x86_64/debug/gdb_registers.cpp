// The target description, in the form of gdb's manual, appendix G.
#include <string_view>

#include "vmmd/debug/gdb/registers.hpp"

namespace redoubt::vmmd::gdb {

namespace {

void add(std::string& xml, std::string_view name, unsigned number, std::string_view type,
         std::string_view group = {}) {
    xml += "<reg name=\"";
    xml += name;
    xml += "\" bitsize=\"" + std::to_string(register_bytes(number) * 8) + "\" type=\"";
    xml += type;
    xml += '"';
    if (!group.empty()) {
        xml += " group=\"";
        xml += group;
        xml += '"';
    }
    xml += "/>\n";
}

void add_core(std::string& xml) {
    constexpr std::string_view kGeneral[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi",
                                             "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                             "r12", "r13", "r14", "r15"};
    constexpr std::string_view kSegments[] = {"cs", "ss", "ds", "es", "fs", "gs"};
    constexpr std::string_view kFloat[] = {"fctrl", "fstat", "ftag",  "fiseg",
                                           "fioff", "foseg", "fooff", "fop"};
    // Bits without a name here are shown by number.
    xml += R"(<feature name="org.gnu.gdb.i386.core">
<flags id="i386_eflags" size="4">
<field name="CF" start="0" end="0"/><field name="" start="1" end="1"/>
<field name="PF" start="2" end="2"/><field name="AF" start="4" end="4"/>
<field name="ZF" start="6" end="6"/><field name="SF" start="7" end="7"/>
<field name="TF" start="8" end="8"/><field name="IF" start="9" end="9"/>
<field name="DF" start="10" end="10"/><field name="OF" start="11" end="11"/>
<field name="NT" start="14" end="14"/><field name="RF" start="16" end="16"/>
<field name="VM" start="17" end="17"/><field name="AC" start="18" end="18"/>
<field name="VIF" start="19" end="19"/><field name="VIP" start="20" end="20"/>
<field name="ID" start="21" end="21"/>
</flags>
)";
    unsigned number = kRax;
    for (const auto name : kGeneral) {
        const bool pointer = number == kRbp || number == kRsp;
        add(xml, name, number++, pointer ? "data_ptr" : "int64");
    }
    add(xml, "rip", number++, "code_ptr");
    add(xml, "eflags", number++, "i386_eflags");
    for (const auto name : kSegments) add(xml, name, number++, "int32");
    for (unsigned i = 0; i < 8; ++i) add(xml, "st" + std::to_string(i), number++, "i387_ext");
    for (const auto name : kFloat) add(xml, name, number++, "int", "float");
    xml += "</feature>\n";
}

void add_sse(std::string& xml) {
    xml += R"(<feature name="org.gnu.gdb.i386.sse">
<vector id="v4f" type="ieee_single" count="4"/><vector id="v2d" type="ieee_double" count="2"/>
<vector id="v16i8" type="int8" count="16"/><vector id="v8i16" type="int16" count="8"/>
<vector id="v4i32" type="int32" count="4"/><vector id="v2i64" type="int64" count="2"/>
<union id="vec128">
<field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/>
<field name="v16_int8" type="v16i8"/><field name="v8_int16" type="v8i16"/>
<field name="v4_int32" type="v4i32"/><field name="v2_int64" type="v2i64"/>
<field name="uint128" type="uint128"/>
</union>
)";
    for (unsigned i = 0; i < 16; ++i) add(xml, "xmm" + std::to_string(i), kXmm0 + i, "vec128");
    add(xml, "mxcsr", kMxcsr, "int", "vector");
    xml += "</feature>\n";
}

std::string make_description() {
    std::string xml = R"(<?xml version="1.0"?>
<!DOCTYPE target SYSTEM "gdb-target.dtd">
<target>
<architecture>i386:x86-64</architecture>
)";
    add_core(xml);
    add_sse(xml);
    xml += "<feature name=\"org.gnu.gdb.i386.segments\">\n";
    add(xml, "fs_base", kFsBase, "int64");
    add(xml, "gs_base", kGsBase, "int64");
    xml += "</feature>\n<feature name=\"org.redoubt.system\">\n";
    constexpr std::string_view kSystem[] = {"k_gs_base", "cr0", "cr2", "cr3", "cr4", "cr8", "efer"};
    unsigned number = kKernelGsBase;
    for (const auto name : kSystem) add(xml, name, number++, "int64", "system");
    xml += "</feature>\n</target>\n";
    return xml;
}

}  // namespace

const std::string& target_description() {
    static const std::string description = make_description();
    return description;
}

}  // namespace redoubt::vmmd::gdb
