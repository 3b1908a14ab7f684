// How process_builder.cpp and process_grants.cpp share the work of making one process.
#pragma once

#include "schemes/init/layout.hpp"
#include "schemes/init/process_builder.hpp"

namespace redoubt::init {

/// Part of the process's image: pages with one set of rights.
struct Region {
    std::uint64_t address;
    std::uint64_t bytes;
    abi::MapFlags flags;
    std::span<const std::byte> contents{};
    std::uint64_t contents_offset = 0;  ///< of the contents within the region
};

/// One frame of a region.
struct Piece {
    std::uint8_t region;
    std::uint8_t size_bits;
    std::uint32_t first_page;
    SharedFrame* shared;  ///< nullptr: the frame is the process's own
    native::Slot frame;
};

class Builder {
  public:
    Builder(Resources& resources, const BuildRequest& request, ProcessMemory& memory)
        : resources_(resources), request_(request), entry_(request.entry), memory_(memory) {}

    bool build();
    /// Why build() failed.
    abi::Error error() const { return error_; }

  private:
    // Each step reports its own failure.
    bool load(std::string_view path, elf::Image& image);
    bool plan();
    bool add_region(const Region& region);
    bool add_image(const elf::Image& image);
    bool make_shared_frames();
    bool take_memory();
    bool make_objects();
    bool map_image();
    bool share_frame(Piece& piece);
    bool fill_frame(native::Slot frame, const Piece& piece);
    bool fill_cnode();
    bool grant_untypeds();
    bool grant_devices();
    bool grant_schemes();
    // In the architecture's devices.cpp.
    bool grant_uart();
    bool grant_virtio();
    struct Registers;
    bool grant_registers(std::string_view name, const Registers& registers);
    bool write_startup_info();
    bool start_thread();
    bool limit_time();

    bool no_memory(std::uint64_t bytes);
    bool add_root(unsigned size_bits);
    bool take_pieces(std::uint64_t bytes);
    bool make_object(abi::ObjectType type, unsigned size_bits, native::Slot slot,
                     std::string_view otherwise);
    bool add_name(std::string_view name, abi::GrantKind kind, native::Slot slot,
                  std::uint64_t value);
    bool give(abi::Error error, std::string_view name, abi::GrantKind kind, std::uint64_t value);
    bool fail(std::string_view what);
    bool fail(std::string_view what, abi::Error error);
    bool check(abi::Error error, std::string_view what) {
        return native::ok(error) || fail(what, error);
    }
    native::Slot take_slot() { return memory_.first_slot + used_slots_++; }

    static constexpr std::size_t kMaximumRegions = 2 * elf::kMaximumSegments + 4;
    static constexpr std::size_t kMaximumPieces = 192;
    static constexpr std::uint32_t kObjectSlots = 4;

    Resources& resources_;
    const BuildRequest& request_;
    const StartEntry& entry_;
    ProcessMemory& memory_;

    abi::Error error_ = abi::Error::InvalidArgument;
    elf::Image program_;
    elf::Image posix_;
    std::array<Region, kMaximumRegions> regions_{};
    std::size_t region_count_ = 0;
    std::array<Piece, kMaximumPieces> pieces_{};
    std::size_t piece_count_ = 0;
    std::size_t ipc_region_ = 0;

    std::size_t object_root_ = 0;  ///< that the next object is made from
    native::Slot cnode_ = 0, space_ = 0, thread_ = 0, ipc_frame_ = 0;
    native::Slot scheduling_ = 0;  ///< 0: its threads count one by one, without a limit
    unsigned cnode_bits_ = 16;     ///< of a small process: 1023 capabilities
    unsigned space_bits_ = 18;     ///< likewise: page tables for some 100 MiB in small pages
    std::uint32_t used_slots_ = 0;
    std::uint32_t next_child_slot_ = static_cast<std::uint32_t>(abi::StartupSlot::FirstNamed);
    abi::StartupInfo info_{};
};

}  // namespace redoubt::init
