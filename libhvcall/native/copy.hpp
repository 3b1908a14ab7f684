// Copying and filling memory in programs without a C library, whose memcpy and memset these are.
#pragma once

#if defined(__riscv)
#include "libhvcall/native/riscv64/copy.hpp"
#else
#include "libhvcall/native/x86_64/copy.hpp"
#endif
