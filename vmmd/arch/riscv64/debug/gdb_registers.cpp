// The target description, in the form of gdb's manual, appendix G.5.11.
#include <string_view>

#include "vmmd/debug/gdb/registers.hpp"

namespace redoubt::vmmd::gdb {

namespace {

void add(std::string& xml, std::string_view name, unsigned number, std::string_view type) {
    xml += "<reg name=\"";
    xml += name;
    xml += "\" bitsize=\"" + std::to_string(register_bytes(number) * 8) + "\" regnum=\"" +
           std::to_string(number) + "\" type=\"";
    xml += type;
    xml += "\"/>\n";
}

std::string make_description() {
    constexpr std::string_view kGeneral[] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                             "fp",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                             "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                             "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
    constexpr std::string_view kFloat[] = {
        "ft0", "ft1", "ft2", "ft3", "ft4",  "ft5",  "ft6", "ft7", "fs0",  "fs1", "fa0",
        "fa1", "fa2", "fa3", "fa4", "fa5",  "fa6",  "fa7", "fs2", "fs3",  "fs4", "fs5",
        "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};
    constexpr std::string_view kSystem[] = {"sstatus", "sie",    "stvec", "sscratch",
                                            "sepc",    "scause", "stval", "satp"};
    std::string xml = R"(<?xml version="1.0"?>
<!DOCTYPE target SYSTEM "gdb-target.dtd">
<target>
<architecture>riscv:rv64</architecture>
<feature name="org.gnu.gdb.riscv.cpu">
)";
    unsigned number = kX0;
    for (const auto name : kGeneral) {
        const bool pointer = name == "sp" || name == "gp" || name == "tp" || name == "fp";
        add(xml, name, number++, name == "ra" ? "code_ptr" : pointer ? "data_ptr" : "int");
    }
    add(xml, "pc", kPc, "code_ptr");
    xml += "</feature>\n<feature name=\"org.gnu.gdb.riscv.fpu\">\n";
    number = kF0;
    for (const auto name : kFloat) add(xml, name, number++, "ieee_double");
    add(xml, "fcsr", kFcsr, "int");
    xml += "</feature>\n<feature name=\"org.gnu.gdb.riscv.csr\">\n";
    number = kSstatus;
    for (const auto name : kSystem) add(xml, name, number++, "int");
    xml += "</feature>\n<feature name=\"org.gnu.gdb.riscv.virtual\">\n";
    add(xml, "priv", kPrivilege, "int");
    xml += "</feature>\n</target>\n";
    return xml;
}

}  // namespace

const std::string& target_description() {
    static const std::string description = make_description();
    return description;
}

}  // namespace redoubt::vmmd::gdb
