// The ISA string of a device tree.
#include <gtest/gtest.h>

#include "arch/machine.hpp"

namespace redoubt::kernel {
namespace {

TEST(Isa, ExtensionsOfSeveralLettersAreWholeWords) {
    EXPECT_TRUE(isa_has("rv64imafdch_zicsr_sstc", "sstc"));
    EXPECT_TRUE(isa_has("rv64imafdch_zicsr_sstc", "zicsr"));
    EXPECT_FALSE(isa_has("rv64imafdch_zicsr_sstcx", "sstc"));
    EXPECT_FALSE(isa_has("", "sstc"));
}

}  // namespace
}  // namespace redoubt::kernel
