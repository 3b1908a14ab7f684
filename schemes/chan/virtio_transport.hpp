// How this machine's virtio devices are found and driven, of the architecture this is compiled for.
#pragma once

#if defined(__riscv)
#include "schemes/chan/riscv64/virtio_transport.hpp"
#else
#include "schemes/chan/x86_64/virtio_transport.hpp"
#endif
