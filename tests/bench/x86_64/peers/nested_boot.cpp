// Runs QEMU, which came along in the initramfs with its libraries and firmware, on KVM.
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "tests/bench/x86_64/peers/peer.hpp"

namespace redoubt::bench::peer {

void boot_in_qemu_on_kvm() {
    const pid_t child = check(fork(), "fork");
    if (child == 0) {
        execl("/bin/qemu", "qemu", "-accel", "kvm", "-cpu", "host", "-M", "q35", "-m", "256M",
              "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio", "-L",
              "/firmware", "-kernel", "/guest/vmlinuz", "-initrd", "/guest/initramfs", "-append",
              "console=ttyS0 quiet", nullptr);
        _exit(127);
    }
    int status = 0;
    check(waitpid(child, &status, 0), "waitpid");
    if (status != 0) throw std::runtime_error("QEMU failed; its message is above");
}

}  // namespace redoubt::bench::peer
