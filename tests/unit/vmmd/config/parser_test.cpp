// Configuration: what is accepted, and that every mistake is told with its place and a remedy.
#include <gtest/gtest.h>

#include "vmmd/config/config.hpp"

namespace redoubt::vmmd {
namespace {

std::expected<void, std::string> any_url(std::string_view url) {
    if (url.find(':') == std::string_view::npos) return std::unexpected("not a URL");
    return {};
}

ParsedConfig parse(std::string_view text) { return parse_config(text, any_url); }

/// The only error of `text`, formatted.
std::string error_of(std::string_view text) {
    const auto result = parse(text);
    EXPECT_EQ(result.errors.size(), 1U);
    return result.errors.empty() ? "" : format(result.errors[0], "f.toml");
}

constexpr std::string_view kGood = R"([vm.web]
cpus    = 1
memory  = "256M"
kernel  = "initfs:/guests/vmlinuz"
initrd  = "initfs:/guests/initramfs.cpio.gz"
cmdline = "console=ttyS0"
serial  = "console:web"
restart = "on-failure"
autostart = false
gdb_wait = true
cpu_share = 300
cpu_limit = "75%"
)";

TEST(Config, TakesEveryKey) {
    const auto result = parse(kGood);
    ASSERT_TRUE(result.errors.empty());
    ASSERT_EQ(result.vms.size(), 1U);
    const auto& vm = result.vms[0];
    EXPECT_EQ(vm.name, "web");
    EXPECT_EQ(vm.cpus, 1U);
    EXPECT_EQ(vm.memory_bytes, 256U << 20);
    EXPECT_EQ(vm.kernel, "initfs:/guests/vmlinuz");
    EXPECT_EQ(vm.initrd, "initfs:/guests/initramfs.cpio.gz");
    EXPECT_EQ(vm.cmdline, "console=ttyS0");
    EXPECT_EQ(vm.serial, "console:web");
    EXPECT_EQ(vm.restart, RestartPolicy::OnFailure);
    EXPECT_FALSE(vm.autostart);
    EXPECT_TRUE(vm.gdb_wait);
    EXPECT_EQ(vm.cpu_share, 300U);
    EXPECT_EQ(vm.cpu_limit, 75U);
}

TEST(Config, AVmsTextIsTheSameVm) {
    const auto result = parse(
        "[vm.other]\nmemory=\"64M\"\nkernel=\"file:k\"\n[vm.\"a.b\"]\nmemory=\"64M\"\n"
        "kernel='file:\\k'\ncmdline=\"a=\\\"\\u00e4\\\" \\t'\"\nrestart_limit=3\n");
    ASSERT_TRUE(result.errors.empty());
    const auto& vm = result.vms[1];
    const auto again = parse(vm.text);
    ASSERT_TRUE(again.errors.empty()) << vm.text;
    ASSERT_EQ(again.vms.size(), 1U);
    EXPECT_EQ(again.vms[0].name, "a.b");
    EXPECT_EQ(again.vms[0].kernel, "file:\\k");
    EXPECT_EQ(again.vms[0].cmdline, vm.cmdline);
    EXPECT_EQ(again.vms[0].restart_limit, 3U);
    EXPECT_EQ(again.vms[0].text, vm.text);
}

TEST(Config, DefaultsNeedOnlyMemoryAndKernel) {
    const auto result = parse("[vm.a]\nmemory=\"1G\"\nkernel=\"file:k\"\n");
    ASSERT_TRUE(result.errors.empty());
    EXPECT_EQ(result.vms[0].cpus, 1U);
    EXPECT_EQ(result.vms[0].serial, "console:a");
    EXPECT_TRUE(result.vms[0].autostart);
    EXPECT_FALSE(result.vms[0].gdb_wait);
    EXPECT_EQ(result.vms[0].restart, RestartPolicy::Never);
    EXPECT_EQ(result.vms[0].cpu_share, 100U);
    EXPECT_EQ(result.vms[0].cpu_limit, 0U);
}

TEST(Config, KeepsTheFilesOrderOfVms) {
    const auto result = parse(
        "[vm.z]\nmemory=\"64M\"\nkernel=\"file:k\"\n[vm.a]\nmemory=\"64M\"\nkernel=\"file:k\"\n");
    ASSERT_EQ(result.vms.size(), 2U);
    EXPECT_EQ(result.vms[0].name, "z");
    EXPECT_EQ(result.vms[1].name, "a");
}

TEST(Config, UnknownKeyIsToldWithSuggestion) {
    EXPECT_EQ(error_of("[vm.a]\nmemory=\"64M\"\nkernel=\"file:k\"\nmemmory = 1\n"),
              "f.toml:4:1: error: unknown key \"memmory\" in [vm.a] (did you mean \"memory\"?)");
    EXPECT_EQ(error_of("[vm.a]\nmemory=\"64M\"\nkernel=\"file:k\"\nfrobnicate = 1\n"),
              "f.toml:4:1: error: unknown key \"frobnicate\" in [vm.a]");
}

TEST(Config, WrongTypeIsToldWithWhatIsExpected) {
    EXPECT_EQ(error_of("[vm.a]\nmemory = 256\nkernel=\"file:k\"\n"),
              "f.toml:2:10: error: \"memory\" must be a string such as \"256M\", not an integer");
    EXPECT_EQ(error_of("[vm.a]\nmemory=\"64M\"\nkernel=\"file:k\"\ncpus = \"1\"\n"),
              "f.toml:4:8: error: \"cpus\" must be an integer, not a string");
}

TEST(Config, ImpossibleValuesAreTold) {
    const auto with = [](std::string_view line) {
        return error_of("[vm.a]\nkernel=\"file:k\"\n" + std::string(line) + "\n");
    };
    EXPECT_EQ(with("memory = \"256Q\""),
              "f.toml:3:10: error: \"256Q\": unknown unit \"Q\": use K, M or G");
    EXPECT_EQ(with("memory = \"4M\""),
              "f.toml:3:10: error: \"4M\" is too little memory: at least 32M is needed");
    EXPECT_EQ(with("memory = \"65M\""),
              "f.toml:3:10: error: \"65M\" is not a multiple of 2M: write \"66M\"");
    EXPECT_EQ(with("memory = \"99999999999G\""),
              "f.toml:3:10: error: \"99999999999G\": the number is too large");
    EXPECT_EQ(with("memory = \"64M\"\ncpus = 9"),
              "f.toml:4:8: error: 9 cpus: at most 8 are possible; write cpus = 8");
    EXPECT_EQ(with("memory = \"64M\"\ncpus = 0"), "f.toml:4:8: error: a VM needs at least 1 cpu");
    EXPECT_EQ(
        with("memory = \"64M\"\nrestart = \"alway\""),
        "f.toml:4:11: error: \"alway\" is none of \"never\", \"on-failure\" and \"always\" (did "
        "you mean \"always\"?)");
}

TEST(Config, ImpossibleProcessorTimeIsTold) {
    const auto with = [](std::string_view line) {
        return error_of("[vm.a]\nkernel=\"file:k\"\nmemory=\"64M\"\n" + std::string(line) + "\n");
    };
    for (const std::string_view share : {"0", "-1", "1001"}) {
        EXPECT_EQ(with("cpu_share = " + std::string(share)),
                  "f.toml:4:13: error: cpu_share must be 1 to 1000; a VM that does not name it has "
                  "100");
    }
    EXPECT_EQ(with("cpu_share = \"100\""),
              "f.toml:4:13: error: \"cpu_share\" must be an integer, not a string");
    EXPECT_EQ(with("cpu_limit = 50"),
              "f.toml:4:13: error: \"cpu_limit\" must be a string such as \"50%\", not an integer");
    for (const std::string_view limit : {"", "50", "%", "half", "50 %", "1.5%", "-1%", "50%%"}) {
        EXPECT_EQ(with("cpu_limit = \"" + std::string(limit) + "\""),
                  "f.toml:4:13: error: \"" + std::string(limit) +
                      "\": not a percentage: write a whole number and %, such as \"50%\"");
    }
    EXPECT_EQ(with("cpu_limit = \"0%\""), "f.toml:4:13: error: \"0%\": at least \"1%\" is needed");
    EXPECT_EQ(with("cpu_limit = \"99999999999%\""),
              "f.toml:4:13: error: \"99999999999%\": the number is too large");
    EXPECT_EQ(with("cpu_limit = \"101%\""),
              "f.toml:4:13: error: \"101%\" is more than the VM's 1 cpu can use: at most \"100%\" "
              "is possible");
    EXPECT_EQ(with("cpu_limit = \"250%\"\ncpus = 2"),
              "f.toml:4:13: error: \"250%\" is more than the VM's 2 cpus can use: at most "
              "\"200%\" is possible");
    EXPECT_EQ(with("cpu_limit = \"250%\"\ncpus = 0"),
              "f.toml:5:8: error: a VM needs at least 1 cpu")
        << "one mistake, one complaint";
}

TEST(Config, KernelMustBeAUrlThatCanBeRead) {
    EXPECT_EQ(error_of("[vm.a]\nmemory=\"64M\"\nkernel=\"vmlinuz\"\n"),
              "f.toml:3:8: error: \"vmlinuz\" is not a URL: write \"file:vmlinuz\" or "
              "\"initfs:/vmlinuz\"");
    EXPECT_EQ(
        error_of("[vm.a]\nmemory=\"64M\"\nkernel=\"net:/x\"\n"),
        "f.toml:3:8: error: \"kernel\" cannot come from \"net:\": use \"file:\" or \"initfs:\"");
}

TEST(Config, SeveralErrorsAreToldAtOnceInOrder) {
    const auto result = parse("[vm.a]\nmemory = 1\nkernel = 2\ncpus = true\n");
    ASSERT_EQ(result.errors.size(), 3U);
    EXPECT_EQ(result.errors[0].line, 2U);
    EXPECT_EQ(result.errors[1].line, 3U);
    EXPECT_EQ(result.errors[2].line, 4U);
}

TEST(Config, MissingKeysAreTold) {
    const auto result = parse("[vm.a]\n");
    ASSERT_EQ(result.errors.size(), 2U);
    EXPECT_EQ(result.errors[0].line, 1U);
}

TEST(Config, MalformedTomlIsOneErrorWithItsPlace) {
    const auto result = parse("[vm.a]\nmemory = \"256M\nkernel=\"file:k\"\n");
    ASSERT_EQ(result.errors.size(), 1U);
    EXPECT_EQ(result.errors[0].line, 2U);
}

TEST(Config, TextsThatTheLibraryAssertsOnAreErrorsToo) {
    EXPECT_EQ(error_of("[vm.a]\nmemory=\"64M\"\n[# comment\nkernel=\"file:k\"\n"),
              "f.toml:3:2: error: a name is missing here");
    EXPECT_EQ(
        error_of("[vm.a]\nmem\xC6\xBEory=\"64M\"\n"),
        "f.toml:2:4: error: only comments may have characters that are not printable ASCII; in "
        "strings write \\u and four digits");
    EXPECT_EQ(error_of("[vm.a]\ncpus = [}\n"),
              "f.toml:2:9: error: there is nothing here that this bracket closes");
    EXPECT_EQ(error_of("[vm.a]\ncpus = ,\n"), "f.toml:2:8: error: a value is missing here");
    EXPECT_EQ(
        parse("[vm.a]\nmemory = [1, [2,],\n  # x\n\"]\" ]\nkernel=\"file:k\"\n").errors.size(), 1U)
        << "well-formed, if of the wrong type";
    const auto good = parse("[vm.a] # \xC3\xA4\nmemory=\"64M\"\nkernel=\"file:\\u00e4\"\n");
    ASSERT_TRUE(good.errors.empty());
    EXPECT_EQ(good.vms[0].kernel, "file:\xC3\xA4");
}

TEST(Config, EmptyFileSaysWhatToWrite) {
    EXPECT_EQ(error_of(""), "f.toml:1:1: error: no VM is described: add a table such as [vm.demo]");
}

TEST(Config, VmMustBeATable) {
    EXPECT_FALSE(parse("vm = 1\n").errors.empty());
    EXPECT_FALSE(parse("[vm]\na = 1\n").errors.empty());
    EXPECT_FALSE(parse("[[vm]]\nmemory=\"64M\"\n").errors.empty());
}

TEST(Config, OverlongCommandLineIsRefused) {
    const auto text =
        "[vm.a]\nmemory=\"64M\"\nkernel=\"file:k\"\ncmdline=\"" + std::string(2048, 'x') + "\"\n";
    EXPECT_NE(error_of(text).find("2048 characters"), std::string::npos);
}

TEST(Config, DevicesThatDoNotExistYetAreToldApart) {
    EXPECT_NE(
        error_of("[vm.a]\nmemory=\"64M\"\nkernel=\"file:k\"\n[[vm.a.disk]]\nurl=\"disk:/0\"\n")
            .find("no disk device yet"),
        std::string::npos);
}

}  // namespace
}  // namespace redoubt::vmmd
