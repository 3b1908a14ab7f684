// Register numbers and bits of the local APIC. Intel SDM vol. 3A 11.4.1 (table
// 11-1), 11.5, 11.12.1.
#pragma once

#include <cstdint>

#include "vmmd/arch/x86_64/devices/interrupt_message.hpp"

namespace redoubt::vmmd::local_apic {

/// xAPIC offset / 16, and x2APIC MSR - 0x800.
enum Register : unsigned {
    kId = 0x02,
    kVersion = 0x03,
    kTaskPriority = 0x08,
    kArbitrationPriority = 0x09,
    kProcessorPriority = 0x0A,
    kEndOfInterrupt = 0x0B,
    kRemoteRead = 0x0C,
    kLogicalDestination = 0x0D,
    kDestinationFormat = 0x0E,
    kSpurious = 0x0F,
    kInService = 0x10,
    kTriggerMode = 0x18,
    kRequest = 0x20,
    kErrorStatus = 0x28,
    kCommandLow = 0x30,
    kCommandHigh = 0x31,
    kFirstLvt = 0x32,
    kLastLvt = 0x37,
    kInitialCount = 0x38,
    kCurrentCount = 0x39,
    kDivideConfiguration = 0x3E,
    kSelfIpi = 0x3F,
};

inline constexpr std::uint32_t kMsrApicBase = 0x1B;
inline constexpr std::uint32_t kMsrTscDeadline = 0x6E0;
inline constexpr std::uint32_t kMsrX2ApicFirst = 0x800;
inline constexpr std::uint32_t kMsrX2ApicLast = 0x8FF;

inline constexpr std::uint64_t kBaseBootProcessor = 1ULL << 8;
inline constexpr std::uint64_t kBaseX2Apic = 1ULL << 10;
inline constexpr std::uint64_t kBaseEnable = 1ULL << 11;

/// Integrated APIC, six LVT entries, no suppression of EOI broadcasts.
inline constexpr std::uint32_t kVersionValue = 0x00050014;
inline constexpr std::uint32_t kSpuriousEnable = 1U << 8;
inline constexpr std::uint32_t kSpuriousWritable = 0x3FF;

inline constexpr std::uint32_t kLvtMasked = 1U << 16;
inline constexpr unsigned kLvtTimerModeShift = 17;
inline constexpr unsigned kDeliveryModeShift = 8;

inline constexpr std::uint32_t kErrorSentIllegalVector = 1U << 5;
inline constexpr std::uint32_t kErrorReceivedIllegalVector = 1U << 6;
inline constexpr std::uint32_t kErrorIllegalRegister = 1U << 7;

constexpr DeliveryMode delivery_mode(std::uint64_t entry) {
    return static_cast<DeliveryMode>((entry >> kDeliveryModeShift) & 7);
}

/// 11.12.10.2
constexpr std::uint32_t x2apic_logical_id(std::uint32_t id) {
    return (id >> 4) << 16 | 1U << (id & 0xF);
}

}  // namespace redoubt::vmmd::local_apic
