// A model vCPU with guest memory, page tables and recording devices, for tests of the emulator.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <map>
#include <vector>

#include "libhvcall/model/model_hypervisor.hpp"
#include "vmmd/arch/x86_64/isa/emulator.hpp"

namespace redoubt::vmmd::isa {

/// Bytes at device addresses, and a log of port writes.
class FakeDevices : public DeviceAccess {
  public:
    void read_memory(std::uint64_t address, std::span<std::uint8_t> data) override {
        ++reads;
        for (auto& byte : data) byte = bytes[address++];
    }
    void write_memory(std::uint64_t address, std::span<const std::uint8_t> data) override {
        ++writes;
        for (const auto byte : data) bytes[address++] = byte;
    }
    std::uint32_t read_port(std::uint16_t, unsigned) override { return next_in++; }
    void write_port(std::uint16_t, unsigned, std::uint32_t value) override { out.push_back(value); }

    std::uint64_t value(std::uint64_t address, unsigned size) {
        std::uint64_t result = 0;
        for (unsigned i = 0; i < size; ++i) result |= std::uint64_t{bytes[address + i]} << (8 * i);
        return result;
    }
    void set(std::uint64_t address, unsigned size, std::uint64_t value) {
        for (unsigned i = 0; i < size; ++i)
            bytes[address + i] = static_cast<std::uint8_t>(value >> (8 * i));
    }

    std::map<std::uint64_t, std::uint8_t> bytes;
    std::vector<std::uint32_t> out;
    std::uint32_t next_in = 0x41;
    unsigned reads = 0, writes = 0;
};

/// 64-bit code at 0x1000, memory 0..16 MiB mapped to itself, devices at linear and physical
/// 0xFEC00000 (one 2 MiB page).
class GuestTest : public testing::Test {
  protected:
    static constexpr std::uint64_t kCode = 0x1000;
    static constexpr std::uint64_t kDevice = 0xFEC0'0000;
    static constexpr std::uint64_t kRamSize = 16 << 20;

    GuestTest()
        : ram_(kRamSize),
          vcpu_(memory_, std::make_shared<hvcall::model::WakeUp>(), {}),
          state_(vcpu_.state()),
          emulator_((memory_.add(hvcall::GuestPhysicalAddress{0}, ram_), vcpu_), memory_,
                    devices_) {
        put64(0x10000, 0x11000 | 3);
        put64(0x11000, 0x12000 | 3);          // first GiB
        put64(0x11000 + 3 * 8, 0x13000 | 3);  // fourth GiB
        for (std::uint64_t i = 0; i < 8; ++i) put64(0x12000 + i * 8, i << 21 | 0x83);
        put64(0x13000 + (kDevice >> 21 & 511) * 8, (kDevice & ~0x1FFFFFULL) | 0x83);
        state_.cr0 = 0x8001'0001;  // PG, WP, PE
        state_.cr3 = 0x10000;
        state_.cr4 = 1U << 5;
        state_.efer = 1U << 10 | 1U << 8 | 1U << 11;
        state_.cs_attributes = 0xA9B;
        state_.rip = kCode;
        state_.rflags = 2;
        state_.gpr[abi::kRsp] = 0x8000;
    }

    void put64(std::uint64_t address, std::uint64_t value) {
        std::memcpy(ram_.data() + address, &value, 8);
    }
    std::uint64_t get64(std::uint64_t address) const {
        std::uint64_t value;
        std::memcpy(&value, ram_.data() + address, 8);
        return value;
    }
    void code(std::initializer_list<int> bytes) {
        std::size_t i = 0;
        for (const int byte : bytes) ram_[state_.rip + i++] = static_cast<std::uint8_t>(byte);
        length_ = bytes.size();
    }
    /// Executes `bytes` as after an MMIO exit at `address`, and expects it to succeed.
    void execute(std::initializer_list<int> bytes, std::uint64_t address = kDevice,
                 bool write = false) {
        code(bytes);
        state_.exit = {};
        state_.exit.kind = abi::ExitKind::Mmio;
        state_.exit.info1 = address;
        state_.exit.detail = write ? abi::MmioDetail::kWrite : 0;
        const auto start = state_.rip;
        const auto done = emulator_.execute();
        ASSERT_TRUE(done) << done.error();
        if ((state_.inject & abi::EventInjection::kValid) == 0) {
            EXPECT_EQ(state_.rip, start + length_);
        }
    }

    std::vector<std::uint8_t> ram_;
    hvcall::GuestMemory memory_;
    hvcall::model::ModelVcpu vcpu_;
    abi::VcpuState& state_;
    FakeDevices devices_;
    Emulator emulator_;
    std::size_t length_ = 0;
};

}  // namespace redoubt::vmmd::isa
