// One switch: exit code in, exit record and what to do with it out.
#include "kernel/hv/svm/exit.hpp"

namespace redoubt::kernel::svm {
namespace {

using abi::ExitKind;
using abi::InterceptedInstruction;

class Decoder {
  public:
    Decoder(const Vmcb& vmcb, const DecodeContext& context, abi::Exit& exit)
        : vmcb_{vmcb}, context_{context}, exit_{exit} {}

    ExitAction decode() {
        const VmcbControlArea& control = vmcb_.control;
        switch (control.exit_code) {
            case ExitCode::Intr:
                return ExitAction::HostInterrupt;
            case ExitCode::Nmi:
            case ExitCode::Smi:
            case ExitCode::Init:
                return ExitAction::Resume;
            case ExitCode::Vintr:
                return record(ExitKind::InterruptWindow);
            case ExitCode::Hlt:
                return instruction(ExitKind::Halt, 0, 1);
            case ExitCode::Cpuid:
                return instruction(ExitKind::Cpuid, 0, 2);
            case ExitCode::Msr:
                return instruction(ExitKind::Msr,
                                   static_cast<std::uint32_t>(control.exit_info1 & 1), 2);
            case ExitCode::Vmmcall:
                return instruction(ExitKind::Hypercall, 0, 3);
            case ExitCode::WriteCr8:
                return record(ExitKind::ControlRegister, 8, 1);
            case ExitCode::Cr0SelectiveWrite:
                return ExitAction::PagingControl;
            case ExitCode::WriteCr4:
                return ExitAction::ExtendedControl;
            case ExitCode::Shutdown:
                return record(ExitKind::Shutdown);
            case ExitCode::Iret:
                return ExitAction::InterruptReturn;
            case ExitCode::SoftwareInterrupt:
                return intercepted(InterceptedInstruction::SoftwareInterrupt, 0);
            case ExitCode::Xsetbv:
                return intercepted(InterceptedInstruction::Xsetbv, 3);
            case ExitCode::Monitor:
                return intercepted(InterceptedInstruction::Monitor, 3);
            case ExitCode::Mwait:
            case ExitCode::MwaitArmed:
                return intercepted(InterceptedInstruction::Mwait, 3);
            case ExitCode::Wbinvd:
                return intercepted(InterceptedInstruction::Wbinvd, 2);
            case ExitCode::Invd:
                return intercepted(InterceptedInstruction::Invd, 2);
            case ExitCode::TaskSwitch:
                return intercepted(InterceptedInstruction::TaskSwitch, 0);
            case ExitCode::Invlpga:
            case ExitCode::Vmrun:
            case ExitCode::Vmload:
            case ExitCode::Vmsave:
            case ExitCode::Stgi:
            case ExitCode::Clgi:
            case ExitCode::Skinit:
                return intercepted(InterceptedInstruction::VirtualizationExtension, 3);
            case ExitCode::Rdpmc:
            case ExitCode::Rsm:
            case ExitCode::Rdpru:
                return intercepted(InterceptedInstruction::Other, 0);
            case ExitCode::Invalid:
            case ExitCode::Invalid32:
                record(ExitKind::EntryFailure, 0, static_cast<std::uint64_t>(ExitCode::Invalid));
                return ExitAction::Refused;
            default:
                return other();
        }
    }

  private:
    ExitAction record(ExitKind kind, std::uint32_t detail = 0, std::uint64_t info1 = 0,
                      std::uint64_t info2 = 0, std::uint64_t next_rip = 0) {
        exit_.kind = kind;
        exit_.detail = detail;
        exit_.info1 = info1;
        exit_.info2 = info2;
        exit_.next_rip = next_rip;
        exit_.instruction_length = 0;
        return ExitAction::ToMonitor;
    }

    /// `length` holds for the instruction without prefixes, which compilers and operating systems
    /// never put on these; 0 if it has several forms. Without NRIPS the processor does not tell.
    ExitAction instruction(ExitKind kind, std::uint32_t detail, unsigned length) {
        std::uint64_t next = length != 0 ? vmcb_.save.rip + length : 0;
        if (context_.next_rip_saved) next = vmcb_.control.next_rip;
        return record(kind, detail, 0, 0, next);
    }

    ExitAction intercepted(InterceptedInstruction which, unsigned length) {
        return instruction(ExitKind::Instruction, static_cast<std::uint32_t>(which), length);
    }

    ExitAction other() {
        const auto code = static_cast<std::uint64_t>(vmcb_.control.exit_code);
        if (code >= static_cast<std::uint64_t>(ExitCode::Exception0) &&
            code <= static_cast<std::uint64_t>(ExitCode::Exception31)) {
            return exception(
                static_cast<unsigned>(code - static_cast<std::uint64_t>(ExitCode::Exception0)));
        }
        if (code >= static_cast<std::uint64_t>(ExitCode::ReadDr0) &&
            code <= static_cast<std::uint64_t>(ExitCode::WriteDr15)) {
            return debug_register();
        }
        return record(ExitKind::EntryFailure, 0, code);
    }

    ExitAction debug_register() {
        intercepted(InterceptedInstruction::DebugRegister, 0);
        exit_.info1 = vmcb_.control.exit_code >= ExitCode::WriteDr0 ? 1 : 0;
        return ExitAction::ToMonitor;
    }

    ExitAction exception(unsigned vector) {
        if (vector == kMachineCheckVector) return ExitAction::MachineCheck;
        const bool stepped = vector == kDebugVector && context_.single_step;
        const bool wanted = (context_.exception_exits >> vector & 1) != 0;
        if (!stepped && !wanted) return ExitAction::Reflect;
        if (vector == kDebugVector || vector == kBreakpointVector) {
            return record(ExitKind::Debug, vector, vmcb_.save.dr6);
        }
        return record(ExitKind::Exception, vector, vmcb_.control.exit_info1,
                      vmcb_.control.exit_info2);
    }

    const Vmcb& vmcb_;
    const DecodeContext& context_;
    abi::Exit& exit_;
};

}  // namespace

void copy_instruction(const VmcbControlArea& control, abi::Exit& exit) {
    exit.instruction_length = control.fetched_bytes & 0xF;
    for (unsigned i = 0; i < exit.instruction_length; ++i)
        exit.instruction[i] = control.instruction[i];
}

ExitAction decode_other_exit(const Vmcb& vmcb, const DecodeContext& context, abi::Exit& exit) {
    return Decoder{vmcb, context, exit}.decode();
}

}  // namespace redoubt::kernel::svm
