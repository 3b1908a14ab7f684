// Executes the instructions that the processor could not: those that touch device memory, string
// port I/O, and moves to CR8 and debug registers.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

#include "libhvcall/guest_memory.hpp"
#include "libhvcall/vcpu.hpp"
#include "vmmd/arch/x86_64/isa/instruction.hpp"
#include "vmmd/arch/x86_64/isa/paging.hpp"

namespace redoubt::vmmd::isa {

/// What the emulator's loads and stores reach where there is no memory.
class DeviceAccess {
  public:
    virtual ~DeviceAccess() = default;
    virtual void read_memory(std::uint64_t address, std::span<std::uint8_t> data) = 0;
    virtual void write_memory(std::uint64_t address, std::span<const std::uint8_t> data) = 0;
    virtual std::uint32_t read_port(std::uint16_t port, unsigned size) = 0;
    virtual void write_port(std::uint16_t port, unsigned size, std::uint32_t value) = 0;
};

/// Segment limits are not checked: the processor has checked those of the access that made it exit.
class Emulator {
  public:
    Emulator(hvcall::Vcpu& vcpu, const hvcall::GuestMemory& memory, DeviceAccess& devices);

    /// Executes the instruction at rip, or queues the exception it causes. A repeated string
    /// instruction may stop half-way, at a state from which it goes on. The error says in words why
    /// it cannot be done; the state is then as before.
    std::expected<void, std::string> execute();

    /// A move between a control or debug register and a general one; the exit tells which way.
    struct ControlAccess {
        std::uint8_t number = 0;  ///< of the control or debug register
        std::uint8_t general_register = 0;
        std::uint8_t length = 0;
    };
    std::expected<ControlAccess, std::string> decode_control_access();

    /// Length of the instruction at rip, 0 if it cannot be read or is none.
    unsigned instruction_length();

    /// #GP, #UD, …: queued for the next entry; rip stays at the instruction.
    void raise(unsigned vector);
    void raise(unsigned vector, std::uint32_t error_code);
    /// Goes on after an instruction of `length` bytes.
    void skip(unsigned length);

  private:
    struct Raised {};  ///< an exception was queued
    template <class T>
    using Outcome = std::expected<T, Raised>;

    /// All of the registers by which the processor finds and reads an instruction.
    struct CodeContext {
        std::uint64_t rip = 0, cs_base = 0, cr0 = 0, cr3 = 0, cr4 = 0, efer = 0;
        std::uint32_t cs_attributes = 0, cpl = 0;
        friend bool operator==(const CodeContext&, const CodeContext&) = default;
    };
    struct CacheEntry {
        CodeContext context;
        Evidence evidence;  ///< the page tables' entries and the instruction's bytes
        CodeMode mode = CodeMode::Real16;
        std::array<std::uint8_t, 15> bytes{};
        Instruction instruction;  ///< what these bytes are in that mode
    };
    struct Fetched {
        std::array<std::uint8_t, 15> bytes{};
        std::size_t size = 0;
        std::uint64_t address = 0;  ///< guest-physical, of the first `in_page` bytes
        std::size_t in_page = 0;
    };

    CodeContext code_context() const;
    Fetched fetch(Evidence& evidence);
    std::expected<const Instruction*, std::string> current();
    std::expected<void, std::string> learn(CacheEntry& entry);
    const abi::SegmentRegister& segment(unsigned index);

    std::uint64_t effective_address(const Instruction& i, std::int64_t extra = 0);
    std::uint64_t linear_address(unsigned segment_index, std::uint64_t offset);
    std::unexpected<Raised> page_fault(const PageFault& fault);
    void find_memory_operand(const Instruction& i);
    Outcome<std::uint64_t> translate_access(std::uint64_t linear, Access access);
    Outcome<std::uint64_t> load(std::uint64_t linear, unsigned size);
    Outcome<void> store(std::uint64_t linear, unsigned size, std::uint64_t value);
    Outcome<void> load_bytes(std::uint64_t linear, std::span<std::uint8_t> data);
    void put(std::uint64_t physical, std::span<const std::uint8_t> data);
    Outcome<void> store_bytes(std::uint64_t linear, std::span<const std::uint8_t> data);

    std::uint64_t read_register(const Operand& operand) const;
    void write_register(const Operand& operand, std::uint64_t value);
    Outcome<std::uint64_t> read_operand(const Instruction& i, const Operand& operand);
    Outcome<void> write_operand(const Operand& operand, std::uint64_t value);

    Outcome<void> execute_one(const Instruction& i);
    Outcome<void> arithmetic(const Instruction& i);
    Outcome<void> exchange(const Instruction& i);
    Outcome<void> bit_operation(const Instruction& i);
    Outcome<void> move_vector(const Instruction& i);
    /// False: not finished, rip must stay.
    Outcome<bool> string(const Instruction& i);
    Outcome<void> string_step(const Instruction& i);

    hvcall::Vcpu& vcpu_;
    abi::VcpuState& state_;
    const hvcall::GuestMemory& memory_;
    DeviceAccess& devices_;
    bool segments_valid_ = false;
    std::uint64_t operand_address_ = 0;  ///< linear, of the memory operand
    // The page whose access made the processor exit: it has walked the tables already.
    std::uint64_t known_linear_page_ = ~std::uint64_t{0};
    std::uint64_t known_physical_page_ = 0;
    bool known_writable_ = false;
    std::array<CacheEntry, 64> cache_;
};

}  // namespace redoubt::vmmd::isa
