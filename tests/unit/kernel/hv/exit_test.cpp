// From control block to exit record.
#include "kernel/hv/svm/exit.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace redoubt::kernel::svm {
namespace {

using abi::ExitKind;

class ExitTest : public testing::Test {
  protected:
    ExitAction decode(ExitCode code, std::uint64_t info1 = 0, std::uint64_t info2 = 0) {
        vmcb->control.exit_code = code;
        vmcb->control.exit_info1 = info1;
        vmcb->control.exit_info2 = info2;
        return decode_exit(*vmcb, context, exit);
    }
    static ExitCode exception(unsigned vector) {
        return static_cast<ExitCode>(static_cast<std::uint64_t>(ExitCode::Exception0) + vector);
    }

    std::unique_ptr<Vmcb> vmcb = std::make_unique<Vmcb>();
    DecodeContext context{};
    abi::Exit exit{};
};

TEST_F(ExitTest, port_output_of_each_size) {
    for (const std::uint32_t size : {1U, 2U, 4U}) {
        EXPECT_EQ(decode(ExitCode::Ioio, 0x3F8'0000 | size << 4, 0x1234), ExitAction::ToMonitor);
        EXPECT_EQ(exit.kind, ExitKind::PortIo);
        EXPECT_EQ(exit.detail, size << abi::PortIoDetail::kSizeShift);
        EXPECT_EQ(exit.info1, 0x3F8U);
        EXPECT_EQ(exit.next_rip, 0x1234U);
    }
}

TEST_F(ExitTest, port_input_string_repeat) {
    decode(ExitCode::Ioio, 0x60'0000 | 1 << 4 | 1 | 4 | 8);
    EXPECT_EQ(exit.detail, abi::PortIoDetail::kIn | abi::PortIoDetail::kString |
                               abi::PortIoDetail::kRepeat | 1U << abi::PortIoDetail::kSizeShift);
    EXPECT_EQ(exit.info1, 0x60U);
}

TEST_F(ExitTest, nested_fault_tells_address_and_access) {
    EXPECT_EQ(decode(ExitCode::NestedPageFault, 1ULL << 32 | 2, 0xFEC0'0010),
              ExitAction::NestedFault);
    EXPECT_EQ(exit.kind, ExitKind::Mmio);
    EXPECT_EQ(exit.info1, 0xFEC0'0010U);
    EXPECT_EQ(exit.detail, abi::MmioDetail::kWrite);
    decode(ExitCode::NestedPageFault, 1ULL << 33 | 1 << 4, 0x1000);
    EXPECT_EQ(exit.detail, abi::MmioDetail::kPageTable | abi::MmioDetail::kFetch);
    EXPECT_EQ(exit.instruction_length, 0);
}

TEST_F(ExitTest, instruction_bytes_are_given_if_the_processor_assists) {
    context.decode_assists = true;
    vmcb->control.fetched_bytes = 3;
    vmcb->control.instruction[2] = 0xAB;
    decode(ExitCode::NestedPageFault, 2, 0x1000);
    EXPECT_EQ(exit.instruction_length, 3);
    EXPECT_EQ(exit.instruction[2], 0xAB);
}

TEST_F(ExitTest, next_rip_is_known_for_instructions_of_one_length) {
    vmcb->save.rip = 0x1000;
    decode(ExitCode::Cpuid);
    EXPECT_EQ(exit.kind, ExitKind::Cpuid);
    EXPECT_EQ(exit.next_rip, 0x1002U);
    decode(ExitCode::Hlt);
    EXPECT_EQ(exit.kind, ExitKind::Halt);
    EXPECT_EQ(exit.next_rip, 0x1001U);
    decode(ExitCode::Vmmcall);
    EXPECT_EQ(exit.kind, ExitKind::Hypercall);
    EXPECT_EQ(exit.next_rip, 0x1003U);
    decode(ExitCode::Msr, 1);
    EXPECT_EQ(exit.kind, ExitKind::Msr);
    EXPECT_EQ(exit.detail, 1U);
    EXPECT_EQ(exit.next_rip, 0x1002U);
    decode(ExitCode::TaskSwitch);
    EXPECT_EQ(exit.next_rip, 0U);
}

TEST_F(ExitTest, next_rip_is_the_processors_where_it_saves_one) {
    context.next_rip_saved = true;
    vmcb->save.rip = 0x1000;
    vmcb->control.next_rip = 0x1004;
    decode(ExitCode::Cpuid);
    EXPECT_EQ(exit.next_rip, 0x1004U);
}

TEST_F(ExitTest, host_events_never_reach_the_monitor) {
    EXPECT_EQ(decode(ExitCode::Intr), ExitAction::HostInterrupt);
    EXPECT_EQ(decode(ExitCode::Nmi), ExitAction::Resume);
    EXPECT_EQ(decode(ExitCode::Smi), ExitAction::Resume);
    EXPECT_EQ(decode(ExitCode::Init), ExitAction::Resume);
    context.exception_exits = ~0U;
    EXPECT_EQ(decode(exception(kMachineCheckVector)), ExitAction::MachineCheck);
}

TEST_F(ExitTest, exceptions_reach_the_monitor_only_if_asked_for) {
    EXPECT_EQ(decode(exception(kAlignmentCheckVector)), ExitAction::Reflect);
    EXPECT_EQ(decode(exception(kDebugVector)), ExitAction::Reflect);
    context.exception_exits = 1U << 14;
    EXPECT_EQ(decode(exception(14), 6, 0xCAFE), ExitAction::ToMonitor);
    EXPECT_EQ(exit.kind, ExitKind::Exception);
    EXPECT_EQ(exit.detail, 14U);
    EXPECT_EQ(exit.info1, 6U);
    EXPECT_EQ(exit.info2, 0xCAFEU);
}

TEST_F(ExitTest, debug_exceptions_are_debug_exits) {
    vmcb->save.dr6 = 0x4000;
    context.single_step = true;
    EXPECT_EQ(decode(exception(kDebugVector)), ExitAction::ToMonitor);
    EXPECT_EQ(exit.kind, ExitKind::Debug);
    EXPECT_EQ(exit.info1, 0x4000U);
    context.exception_exits = 1U << 3;
    EXPECT_EQ(decode(exception(3)), ExitAction::ToMonitor);
    EXPECT_EQ(exit.kind, ExitKind::Debug);
    EXPECT_EQ(exit.detail, 3U);
}

TEST_F(ExitTest, accesses_to_debug_registers_are_the_monitors) {
    for (std::uint64_t code = 0x20; code < 0x40; ++code) {
        EXPECT_EQ(decode(static_cast<ExitCode>(code)), ExitAction::ToMonitor);
        EXPECT_EQ(exit.kind, ExitKind::Instruction);
        EXPECT_EQ(exit.detail, static_cast<std::uint32_t>(abi::InterceptedInstruction::DebugRegister));
        EXPECT_EQ(exit.info1, code >= 0x30 ? 1U : 0U);
    }
}

TEST_F(ExitTest, software_interrupts_are_told_with_rip_at_the_instruction) {
    vmcb->save.rip = 0x1000;
    EXPECT_EQ(decode(ExitCode::SoftwareInterrupt), ExitAction::ToMonitor);
    EXPECT_EQ(exit.kind, ExitKind::Instruction);
    EXPECT_EQ(exit.detail, static_cast<std::uint32_t>(abi::InterceptedInstruction::SoftwareInterrupt));
    EXPECT_EQ(exit.next_rip, 0U);
}

TEST_F(ExitTest, iret_and_the_first_cr4_write_are_the_kernels) {
    EXPECT_EQ(decode(ExitCode::Iret), ExitAction::InterruptReturn);
    EXPECT_EQ(decode(ExitCode::WriteCr4), ExitAction::ExtendedControl);
}

TEST_F(ExitTest, virtualization_instructions_of_a_guest_are_told_apart) {
    for (const ExitCode code : {ExitCode::Vmrun, ExitCode::Vmload, ExitCode::Vmsave, ExitCode::Stgi,
                                ExitCode::Clgi, ExitCode::Skinit, ExitCode::Invlpga}) {
        EXPECT_EQ(decode(code), ExitAction::ToMonitor);
        EXPECT_EQ(exit.kind, ExitKind::Instruction);
        EXPECT_EQ(exit.detail,
                  static_cast<std::uint32_t>(abi::InterceptedInstruction::VirtualizationExtension));
    }
}

TEST_F(ExitTest, cr8_write_window_and_shutdown) {
    decode(ExitCode::WriteCr8);
    EXPECT_EQ(exit.kind, ExitKind::ControlRegister);
    EXPECT_EQ(exit.detail, 8U);
    EXPECT_EQ(exit.info1, 1U);
    decode(ExitCode::Vintr);
    EXPECT_EQ(exit.kind, ExitKind::InterruptWindow);
    decode(ExitCode::Shutdown);
    EXPECT_EQ(exit.kind, ExitKind::Shutdown);
}

TEST_F(ExitTest, anything_unknown_is_an_entry_failure_with_its_code) {
    for (const std::uint64_t code : {0x401ULL, 0x9FULL}) {
        EXPECT_EQ(decode(static_cast<ExitCode>(code)), ExitAction::ToMonitor);
        EXPECT_EQ(exit.kind, ExitKind::EntryFailure);
        EXPECT_EQ(exit.info1, code);
    }
}

TEST_F(ExitTest, a_refused_entry_is_told_in_either_width) {
    for (const ExitCode code : {ExitCode::Invalid, ExitCode::Invalid32}) {
        EXPECT_EQ(decode(code), ExitAction::Refused);
        EXPECT_EQ(exit.kind, ExitKind::EntryFailure);
        EXPECT_EQ(exit.info1, ~0ULL);
    }
}

TEST_F(ExitTest, every_code_gives_a_valid_record_or_an_action) {
    for (std::uint64_t code = 0; code < 0x500; ++code) {
        exit = {};
        if (decode(static_cast<ExitCode>(code)) == ExitAction::ToMonitor) {
            EXPECT_LE(static_cast<std::uint32_t>(exit.kind),
                      static_cast<std::uint32_t>(ExitKind::EntryFailure));
        }
    }
}

}  // namespace
}  // namespace redoubt::kernel::svm
