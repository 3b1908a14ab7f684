// hv: paths.
#include "kernel/hv/path.hpp"

#include <gtest/gtest.h>

#include <string>

namespace redoubt::kernel::hv {
namespace {

Path parse(const std::string& text) { return parse_path(text); }

TEST(Path, names_everything_that_exists) {
    EXPECT_EQ(parse("caps").kind, Path::Kind::Caps);
    EXPECT_EQ(parse("/vm").kind, Path::Kind::Vms);
    EXPECT_EQ(parse("memory").kind, Path::Kind::RelativeMemory);
    const Path vm = parse("vm/12");
    EXPECT_EQ(vm.kind, Path::Kind::Vm);
    EXPECT_EQ(vm.vm, 12U);
    EXPECT_EQ(parse("vm/3/memory").kind, Path::Kind::Memory);
    const Path vcpu = parse("vm/3/vcpu/1");
    EXPECT_EQ(vcpu.kind, Path::Kind::Vcpu);
    EXPECT_EQ(vcpu.vm, 3U);
    EXPECT_EQ(vcpu.vcpu, 1U);
    EXPECT_EQ(parse("vcpu/7").vcpu, 7U);
}

TEST(Path, refuses_everything_else) {
    for (const char* text : {"", "/", "cap", "capsx", "caps/x", "vm/", "vm/x", "vm/1/", "vm/1/x",
                             "vm/1/vm/2", "vm/1/vcpu", "vm/1/vcpu/", "vm/1/vcpu/1/2",
                             "vm/99999999999", "vcpu/-1", "memory/0", "vm//memory", "vm/1/vm"}) {
        const Path path = parse(text);
        // An empty rest after the id is the VM itself.
        if (std::string{text} == "vm/1/") {
            EXPECT_EQ(path.kind, Path::Kind::Vm);
        } else if (std::string{text} == "vm/") {
            EXPECT_EQ(path.kind, Path::Kind::Vms);
        } else {
            EXPECT_EQ(path.kind, Path::Kind::Invalid) << text;
        }
    }
}

}  // namespace
}  // namespace redoubt::kernel::hv
