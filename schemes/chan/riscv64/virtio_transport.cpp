// See virtio_transport.hpp.
#include "schemes/chan/riscv64/virtio_transport.hpp"

#include <stdexcept>

#include "libhvcall/native/syscall.hpp"

namespace redoubt::chan {

namespace {

// 4.2.2
enum Register : unsigned {
    kMagicValue = 0x000,
    kVersion = 0x004,
    kDeviceId = 0x008,
    kDeviceFeatures = 0x010,
    kDeviceFeaturesSelect = 0x014,
    kDriverFeatures = 0x020,
    kDriverFeaturesSelect = 0x024,
    kQueueSelect = 0x030,
    kQueueCapacity = 0x034,
    kQueueSize = 0x038,
    kQueueReady = 0x044,
    kQueueNotify = 0x050,
    kInterruptStatus = 0x060,
    kInterruptAcknowledge = 0x064,
    kStatus = 0x070,
    kQueueDescriptors = 0x080,
    kQueueAvailable = 0x090,
    kQueueUsed = 0x0A0,
};

constexpr std::uint32_t kMagic = 0x7472'6976;  // "virt"
constexpr std::uint32_t kConsole = 3;
constexpr std::uint32_t kModern = 2;

/// Memory and device registers are ordered only where it is said.
void order_memory_and_registers() { asm volatile("fence iorw, iorw" : : : "memory"); }

}  // namespace

std::unique_ptr<VirtioTransport> VirtioTransport::find(scheme::Process& process,
                                                       abi::CapabilityIndex signaller) {
    for (const abi::NamespaceEntry& entry : process.grants(abi::GrantKind::Device, "virtio")) {
        const scheme::DeviceRegisters registers(process, entry);
        const auto at = [&](unsigned offset) {
            return *reinterpret_cast<volatile std::uint32_t*>(registers.address() + offset);
        };
        if (at(kMagicValue) == kMagic && at(kDeviceId) == kConsole) {
            if (at(kVersion) != kModern) {
                throw std::runtime_error("the virtio console has a legacy interface");
            }
            return std::unique_ptr<VirtioTransport>(
                new VirtioTransport(process, registers, signaller));
        }
    }
    return nullptr;
}

VirtioTransport::VirtioTransport(scheme::Process& process, const scheme::DeviceRegisters& registers,
                                 abi::CapabilityIndex signaller)
    : registers_(registers), irq_(process.claim_interrupt(registers.interrupt(), signaller)) {
    if (irq_ == 0) {
        throw std::runtime_error("no interrupt for the virtio console");
    }
}

volatile std::uint32_t& VirtioTransport::at(unsigned offset) const {
    return *reinterpret_cast<volatile std::uint32_t*>(registers_.address() + offset);
}

std::uint8_t VirtioTransport::status() const { return static_cast<std::uint8_t>(at(kStatus)); }

void VirtioTransport::set_status(unsigned status) { at(kStatus) = status; }

std::uint32_t VirtioTransport::features(unsigned word) {
    at(kDeviceFeaturesSelect) = word;
    return at(kDeviceFeatures);
}

void VirtioTransport::accept_features(unsigned word, std::uint32_t bits) {
    at(kDriverFeaturesSelect) = word;
    at(kDriverFeatures) = bits;
}

unsigned VirtioTransport::queue_capacity(unsigned index) {
    at(kQueueSelect) = index;
    return at(kQueueCapacity);
}

void VirtioTransport::enable_queue(unsigned index, const Virtqueue& ring) {
    const auto store64 = [&](unsigned offset, std::uint64_t value) {
        at(offset) = static_cast<std::uint32_t>(value);
        at(offset + 4) = static_cast<std::uint32_t>(value >> 32);
    };
    at(kQueueSelect) = index;
    at(kQueueSize) = ring.size();
    store64(kQueueDescriptors, ring.descriptors());
    store64(kQueueAvailable, ring.available());
    store64(kQueueUsed, ring.used());
    at(kQueueReady) = 1;
}

void VirtioTransport::notify(unsigned index) {
    order_memory_and_registers();
    at(kQueueNotify) = index;
}

void VirtioTransport::acknowledge_interrupt() {
    if (const std::uint32_t pending = at(kInterruptStatus); pending != 0) {
        at(kInterruptAcknowledge) = pending;
    }
    native::irq_acknowledge(irq_);
    order_memory_and_registers();
}

}  // namespace redoubt::chan
