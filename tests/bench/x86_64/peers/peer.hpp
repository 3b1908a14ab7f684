// The parts of the program that measures Linux, each a set of "BENCH part name figure" lines.
#pragma once

#include <cerrno>
#include <string_view>
#include <system_error>

namespace redoubt::bench::peer {

/// The result of a system call, which must not have failed.
inline int check(int result, std::string_view what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), std::string(what));
    return result;
}

/// The exits of a virtual machine of KVM, through its raw interface.
void measure_kvm_exits();
/// System calls and what comes nearest to Redoubt's inter-process communication.
void measure_linux_primitives();
/// Debian's kernel in a virtual machine of QEMU on KVM; its init reports by itself.
void boot_in_qemu_on_kvm();

}  // namespace redoubt::bench::peer
