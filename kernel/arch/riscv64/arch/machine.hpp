// The parts of the machine that the device tree names and the arch code uses.
#pragma once

#include <cstdint>

#include "arch/boot.hpp"
#include "arch/device_tree.hpp"

namespace redoubt::kernel {

inline constexpr std::uint32_t kNoContext = ~std::uint32_t{0};

struct MachineProcessor {
    std::uint64_t hart;
    std::uint32_t interrupt_controller;  ///< phandle
    std::uint32_t plic_context;          ///< of its supervisor mode; kNoContext if there is none
};

/// A 16550, or 0 bytes.
struct MachineConsole {
    PhysicalRange registers;
    std::uint32_t register_shift;
    std::uint32_t interrupt;
};

/// virtio,mmio
struct MachineVirtio {
    PhysicalAddress registers;
    std::uint32_t interrupt;
};

struct Machine {
    BootList<MachineProcessor, 64> processors;
    std::uint64_t timebase_frequency;
    char isa[128];      ///< of the first processor
    char mmu_type[16];  ///< likewise
    MachineConsole console;
    PhysicalRange plic;  ///< 0 bytes if there is none
    std::uint32_t plic_sources;
    PhysicalRange local_interruptor;  ///< the firmware's timer and interrupts between processors
    PhysicalAddress real_time_clock;  ///< goldfish; 0 if there is none
    PhysicalAddress test_finisher;    ///< sifive,test0: ends the emulator; 0 if there is none
    BootList<MachineVirtio, 16> virtio;
    BootList<std::uint8_t, 64> random_seed;  ///< what the firmware knows and nobody else
};

/// Valid once machine_initialize() has been called.
const Machine& machine();
void machine_initialize(const DeviceTree& tree);

/// Does the ISA string name this extension of several letters?
bool isa_has(const char* isa, const char* extension);

}  // namespace redoubt::kernel
