// Judges a configuration for riscv64 on the machine that builds it, as `vmmd check` there would.
#include <cstdio>

#include "vmmd/config/config_file.hpp"

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s FILE\n", argv[0]);
        return 2;
    }
    return redoubt::vmmd::check_file(argv[1]);
}
