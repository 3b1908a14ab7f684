// See process_builder.hpp.
#include "schemes/init/process_builder.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "abi/scheme.hpp"
#include "libhvcall/native/ipc.hpp"
#include "schemes/init/builder.hpp"
#include "schemes/init/devices.hpp"
#include "schemes/init/report.hpp"
#include "schemes/initfs/cpio.hpp"

namespace redoubt::init {

using abi::MapFlags;
using abi::ObjectType;
using abi::Rights;
using abi::StartupSlot;

namespace {

constexpr std::string_view kLibposix = "bin/libposix";
/// Capabilities and page tables for guests' memory.
constexpr std::uint64_t kBigProcess = 16 * kMegabyte, kHugeProcess = 4096 * kMegabyte;
constexpr unsigned kBigCNodeBits = 17, kHugeCNodeBits = 18;
constexpr unsigned kBigSpaceBits = 18, kHugeSpaceBits = 20;
/// Of what a process is made of besides what it may spend.
constexpr std::uint64_t kRootGrain = 32 * 1024;
/// Smallest piece of what is left that is worth a capability of its own.
constexpr unsigned kSmallestRestBits = 20;
constexpr unsigned kLargestFrameBits = 29;
/// Smallest one that is worth a capability that is kept.
constexpr unsigned kSmallestSharedBits = 15;
/// Limits are per tenth of a second.
constexpr std::uint64_t kLimitPeriodsPerSecond = 10;

}  // namespace

bool Builder::fail(std::string_view what) {
    error_ = abi::Error::InvalidArgument;
    report(Line() << entry_.name << " is not started: " << what);
    return false;
}

bool Builder::fail(std::string_view what, abi::Error error) {
    error_ = error;
    report(Line() << entry_.name << " is not started: " << what << " (error "
                  << static_cast<std::uint64_t>(error) << ")");
    return false;
}

bool Builder::load(std::string_view path, elf::Image& image) {
    const auto file = cpio::find(request_.archive, path);
    if (!file) {
        error_ = abi::Error::NotFound;
        report(Line() << entry_.name << " is not started: the boot archive has no file " << path);
        return false;
    }
    if (const char* problem = elf::parse(file->contents, image); problem != nullptr) {
        report(Line() << entry_.name << " is not started: " << path << ' ' << problem);
        return false;
    }
    return true;
}

bool Builder::add_region(const Region& region) {
    if (region_count_ == regions_.size()) {
        return fail("its files have too many segments");
    }
    for (std::size_t i = 0; i < region_count_; ++i) {
        if (region.address < regions_[i].address + regions_[i].bytes &&
            regions_[i].address < region.address + region.bytes) {
            return fail("its program lies where other things must");
        }
    }
    // The largest frames first, but small ones up to where large pages can begin: large frames have
    // to be mapped there.
    constexpr unsigned kLargePageBits = 21 - abi::kPageBits;
    const std::uint64_t pages = region.bytes / kPageSize;
    for (std::uint64_t page = 0; page < pages;) {
        const auto alignment =
            static_cast<unsigned>(std::countr_zero(region.address / kPageSize + page));
        unsigned bits = std::min(static_cast<unsigned>(std::bit_width(pages - page)) - 1,
                                 kLargestFrameBits - abi::kPageBits);
        if (bits >= kLargePageBits && alignment < kLargePageBits) {
            bits = alignment;
        }
        if (piece_count_ == pieces_.size()) {
            return fail("its program is too scattered");
        }
        pieces_[piece_count_++] = {static_cast<std::uint8_t>(region_count_),
                                   static_cast<std::uint8_t>(bits + abi::kPageBits),
                                   static_cast<std::uint32_t>(page), nullptr, 0};
        page += std::uint64_t{1} << bits;
    }
    regions_[region_count_++] = region;
    return true;
}

bool Builder::add_image(const elf::Image& image) {
    for (const elf::Segment& segment : image.loads()) {
        MapFlags flags = MapFlags::Read;
        if ((segment.flags & elf::kWrite) != 0) {
            flags = flags | MapFlags::Write;
        }
        if ((segment.flags & elf::kExecute) != 0) {
            flags = flags | MapFlags::Execute;
        }
        constexpr std::uint64_t kLargestSegment = 512 * kMegabyte;
        if (segment.memory_size > kLargestSegment) {
            return fail("its program is too large");
        }
        if (!add_region({segment.page_begin(), segment.page_end() - segment.page_begin(), flags,
                         segment.contents, segment.address - segment.page_begin()})) {
            return false;
        }
    }
    return true;
}

bool Builder::plan() {
    constexpr MapFlags kReadWrite = MapFlags::Read | MapFlags::Write;
    if (entry_.memory_rest || entry_.memory >= kHugeProcess) {
        cnode_bits_ = kHugeCNodeBits;
        space_bits_ = kHugeSpaceBits;
    } else if (entry_.memory >= kBigProcess) {
        cnode_bits_ = kBigCNodeBits;
        space_bits_ = kBigSpaceBits;
    }
    if (!load(entry_.program, program_) || !add_image(program_)) {
        return false;
    }
    if (!entry_.native && (!load(kLibposix, posix_) || !add_image(posix_))) {
        return false;
    }
    if (!add_region({kStartupInfoAddress, sizeof(info_), MapFlags::Read,
                     std::as_bytes(std::span(&info_, 1))})) {
        return false;
    }
    ipc_region_ = region_count_;
    return add_region({kIpcBufferAddress, kPageSize, kReadWrite}) &&
           add_region({kStackTop - kStackSize, kStackSize, kReadWrite});
}

bool Builder::no_memory(std::uint64_t bytes) {
    error_ = abi::Error::NoMemory;
    report(Line() << entry_.name << " is not started: no " << bytes / 1024
                  << " KiB of memory left");
    return false;
}

bool Builder::add_root(unsigned size_bits) {
    const native::Slot root = resources_.memory().allocate(size_bits);
    if (root == 0) {
        return no_memory(std::uint64_t{1} << size_bits);
    }
    memory_.roots[memory_.root_count++] = root;
    return true;
}

/// Exactly `bytes`, the largest pieces first; smaller ones where there is no large one left.
bool Builder::take_pieces(std::uint64_t bytes) {
    if (bytes > resources_.memory().free_bytes()) {
        return no_memory(bytes);
    }
    for (std::uint64_t left = bytes; left != 0;) {
        const auto whole = static_cast<unsigned>(std::bit_width(left)) - 1;
        const unsigned bits = std::min(whole, resources_.memory().largest_free());
        if (bits < abi::kPageBits || memory_.root_count == kMaximumRoots) {
            return no_memory(bytes);
        }
        if (!add_root(bits)) {
            return false;
        }
        left -= std::uint64_t{1} << bits;
    }
    return true;
}

/// Before memory is taken: they are not made from the process's.
bool Builder::make_shared_frames() {
    for (std::size_t i = 0; i < piece_count_; ++i) {
        Piece& piece = pieces_[i];
        const Region& region = regions_[piece.region];
        if (piece.size_bits >= kSmallestSharedBits && !region.contents.empty() &&
            !has(region.flags, MapFlags::Write)) {
            piece.shared = resources_.shared_frames().get(region.contents.data(), piece.first_page);
        }
        if (piece.shared != nullptr && piece.shared->frame == 0 && !share_frame(piece)) {
            return false;
        }
    }
    return true;
}

bool Builder::share_frame(Piece& piece) {
    const native::Slot memory = resources_.memory().allocate(piece.size_bits);
    if (memory == 0) {
        return no_memory(std::uint64_t{1} << piece.size_bits);
    }
    const native::Slot frame = resources_.slots().allocate();
    if (frame == 0) {
        resources_.memory().release(memory);
        return fail("init has no capability slots left");
    }
    if (!check(native::retype(memory, ObjectType::Frame, piece.size_bits, frame),
               "no memory for its image") ||
        !fill_frame(frame, piece)) {
        resources_.memory().release(memory);
        resources_.slots().free(frame);
        return false;
    }
    piece.shared->frame = frame;
    return true;
}

/// Roots: 0 the heap, then as many as the image and the kernel's objects need, then those that the
/// process may spend.
bool Builder::take_memory() {
    std::uint64_t bytes = (std::uint64_t{1} << cnode_bits_) + (std::uint64_t{1} << space_bits_) +
                          (std::uint64_t{1} << abi::kThreadBits) +
                          (std::uint64_t{1} << abi::kSmallObjectBits);
    for (std::size_t i = 0; i < piece_count_; ++i) {
        if (pieces_[i].shared == nullptr) {
            bytes += std::uint64_t{1} << pieces_[i].size_bits;
        }
    }
    if (!add_root(bits_for(entry_.heap))) {
        return false;
    }
    // The largest first, as the objects: each of them finds room in the next root that has any.
    bytes = (bytes + kRootGrain - 1) & ~(kRootGrain - 1);
    for (auto left = bytes; left != 0; left -= std::bit_floor(left)) {
        if (!add_root(static_cast<unsigned>(std::bit_width(left)) - 1)) {
            return false;
        }
    }
    memory_.own_roots = memory_.root_count;
    info_.own_kibibytes =
        static_cast<std::uint32_t>(((std::uint64_t{1} << bits_for(entry_.heap)) + bytes) / 1024);
    object_root_ = 1;
    if (!entry_.memory_rest) {
        if (!take_pieces(entry_.memory)) {
            return false;
        }
    } else {
        while (memory_.root_count < memory_.roots.size()) {
            const unsigned largest = resources_.memory().largest_free();
            if (largest < kSmallestRestBits) {
                break;
            }
            if (!add_root(largest)) {
                return false;
            }
        }
        if (memory_.root_count == memory_.own_roots) {
            return fail("no memory is left for it");
        }
    }
    memory_.slot_count = kObjectSlots + static_cast<std::uint32_t>(piece_count_) + 1;
    memory_.first_slot = resources_.slots().allocate(memory_.slot_count);
    if (memory_.first_slot == 0) {
        memory_.slot_count = 0;
        return fail("init has no capability slots left");
    }
    return true;
}

bool Builder::make_object(ObjectType type, unsigned size_bits, native::Slot slot,
                          std::string_view otherwise) {
    auto error = native::retype(memory_.roots[object_root_], type, size_bits, slot);
    while (error == abi::Error::NoMemory && object_root_ + 1 < memory_.own_roots) {
        error = native::retype(memory_.roots[++object_root_], type, size_bits, slot);
    }
    return check(error, otherwise);
}

/// The image and the kernel's objects, the largest first: then nothing is lost to alignment.
bool Builder::make_objects() {
    for (std::size_t i = 0; i < piece_count_; ++i) {
        Piece& piece = pieces_[i];
        if (piece.shared == nullptr) {
            continue;
        }
        piece.frame = take_slot();
        if (!check(native::copy(piece.shared->frame, Rights::Read | Rights::Execute, piece.frame),
                   "its image cannot be shared")) {
            return false;
        }
        ++memory_.shared_count;
    }
    cnode_ = take_slot();
    space_ = take_slot();
    thread_ = take_slot();
    const struct {
        ObjectType type;
        unsigned size_bits, order_bits;
        native::Slot slot;
    } objects[] = {{ObjectType::AddressSpace, space_bits_, space_bits_, space_},
                   {ObjectType::CNode, cnode_bits_, cnode_bits_, cnode_},
                   {ObjectType::Thread, 0, abi::kThreadBits, thread_}};
    for (unsigned bits = kLargestFrameBits; bits >= abi::kPageBits; --bits) {
        for (const auto& object : objects) {
            if (object.order_bits == bits &&
                !make_object(object.type, object.size_bits, object.slot,
                             "no memory for its objects")) {
                return false;
            }
        }
        for (std::size_t i = 0; i < piece_count_; ++i) {
            Piece& piece = pieces_[i];
            if (piece.size_bits != bits || piece.shared != nullptr) {
                continue;
            }
            piece.frame = take_slot();
            if (!make_object(ObjectType::Frame, bits, piece.frame, "no memory for its image")) {
                return false;
            }
            if (piece.region == ipc_region_) {
                ipc_frame_ = piece.frame;
            }
        }
    }
    if (entry_.share == 0 && entry_.limit == 0) {
        return true;
    }
    scheduling_ = take_slot();
    return make_object(ObjectType::SchedulingContext, 0, scheduling_, "no memory for its objects");
}

bool Builder::map_image() {
    for (std::size_t i = 0; i < piece_count_; ++i) {
        const Piece& piece = pieces_[i];
        const Region& region = regions_[piece.region];
        if (piece.shared == nullptr && !fill_frame(piece.frame, piece)) {
            return false;
        }
        if (!check(native::map(piece.frame, space_,
                               region.address + std::uint64_t{piece.first_page} * kPageSize,
                               region.flags),
                   "its image cannot be mapped")) {
            return false;
        }
    }
    const native::Slot heap = take_slot();
    return check(native::retype(memory_.roots[0], ObjectType::Frame, bits_for(entry_.heap), heap),
                 "no memory for its heap") &&
           check(native::map(heap, space_, kHeapAddress, MapFlags::Read | MapFlags::Write),
                 "its heap cannot be mapped");
}

/// Copies what belongs there, through a mapping in init.
bool Builder::fill_frame(native::Slot frame, const Piece& piece) {
    const Region& region = regions_[piece.region];
    const std::uint64_t begin = std::uint64_t{piece.first_page} * kPageSize;
    const std::uint64_t end = begin + (std::uint64_t{1} << piece.size_bits);
    const std::uint64_t from = std::max(begin, region.contents_offset);
    const std::uint64_t to = std::min(end, region.contents_offset + region.contents.size());
    if (from >= to) {
        return true;
    }
    if (!check(native::map(frame, own_slot(StartupSlot::AddressSpace), kScratchAddress,
                           MapFlags::Read | MapFlags::Write),
               "init cannot map its image")) {
        return false;
    }
    std::memcpy(reinterpret_cast<void*>(kScratchAddress + (from - begin)),
                region.contents.data() + (from - region.contents_offset), to - from);
    native::unmap(frame);
    return true;
}

/// Last: the page is copied into its frame when the image is mapped.
bool Builder::write_startup_info() {
    info_.magic = abi::kStartupInfoMagic;
    info_.ipc_buffer_address = kIpcBufferAddress;
    info_.heap_base = kHeapAddress;
    info_.heap_size = std::uint64_t{1} << bits_for(entry_.heap);
    info_.free_address_base = kFreeAddressBase;
    info_.free_address_end = kFreeAddressEnd;
    info_.stack_top = kStackTop;
    info_.program_entry = program_.entry;
    info_.program_headers = program_.program_headers;
    info_.program_header_size = sizeof(elf::ProgramHeader);
    info_.program_header_count = program_.program_header_count;
    info_.cnode_size_bits = cnode_bits_;
    info_.priority = entry_.priority;
    info_.first_free_slot = next_child_slot_;
    const auto add_string = [&](std::string_view text) {
        if (text.size() >= sizeof(info_.strings) - info_.strings_size) {
            return false;
        }
        std::memcpy(info_.strings + info_.strings_size, text.data(), text.size());
        info_.strings_size += static_cast<std::uint32_t>(text.size()) + 1;
        ++info_.argument_count;
        return true;
    };
    bool fits = add_string(entry_.name);
    for (std::size_t i = 0; i < entry_.argument_count; ++i) {
        fits = fits && add_string(entry_.arguments[i]);
    }
    return fits || fail("its arguments are too long");
}

/// The first thread's share and limit are those of all that it makes.
bool Builder::limit_time() {
    if (scheduling_ == 0) {
        return true;
    }
    const std::uint64_t period =
        native::system_info(abi::SystemInfoKind::TicksPerSecond) / kLimitPeriodsPerSecond;
    const std::uint32_t weight = entry_.share != 0 ? entry_.share : abi::kNormalWeight;
    return check(native::scheduling_configure(scheduling_, weight, period * entry_.limit / 100,
                                              period),
                 "its processor time cannot be limited") &&
           check(native::thread_control(thread_, abi::ThreadOperation::SetScheduling, scheduling_),
                 "its processor time cannot be limited");
}

bool Builder::start_thread() {
    abi::ThreadConfiguration configuration{};
    configuration.address_space = space_;
    configuration.cnode = cnode_;
    configuration.ipc_buffer_frame = ipc_frame_;
    configuration.fault_endpoint = request_.parent_endpoint;
    configuration.fault_badge = request_.client;
    configuration.ipc_buffer_address = kIpcBufferAddress;
    configuration.priority = entry_.priority;
    configuration.maximum_priority = entry_.priority;
    abi::ThreadStart start{};
    start.instruction_pointer = entry_.native ? program_.entry : posix_.entry;
    start.stack_pointer = kStackTop;
    start.argument = kStartupInfoAddress;
    return check(native::copy(ipc_frame_, Rights::All, own_slot(StartupSlot::IpcBuffer), cnode_),
                 "its CNode cannot be filled") &&
           check(native::thread_configure(thread_, configuration),
                 "its thread cannot be configured") &&
           check(native::thread_set_context(thread_, start), "its thread cannot be set up") &&
           limit_time() &&
           check(native::thread_control(thread_, abi::ThreadOperation::Resume),
                 "its thread cannot be started");
}

bool Builder::build() {
    return plan() && make_shared_frames() && take_memory() && make_objects() && fill_cnode() &&
           map_image() && start_thread();
}

abi::Error build_process(Resources& resources, const BuildRequest& request, ProcessMemory& memory) {
    memory = {};
    // Too big for init's stack, and only one is ever in use.
    alignas(Builder) static std::byte storage[sizeof(Builder)];
    Builder* builder = new (storage) Builder(resources, request, memory);
    if (builder->build()) {
        return abi::Error::Ok;
    }
    end_process(resources, memory);
    release_process(resources, memory);
    return builder->error();
}

std::uint64_t end_process(Resources& resources, const ProcessMemory& memory) {
    std::uint64_t missing = 0;
    for (std::size_t i = 0; i < memory.root_count; ++i) {
        native::revoke(memory.roots[i]);
        const auto identity = native::identify(memory.roots[i]);
        const std::uint64_t size = std::uint64_t{1} << identity.value.size_bits;
        missing += identity ? size - identity.value.free_bytes : kPageSize;
    }
    for (std::uint32_t i = 0; i < memory.shared_count; ++i) {
        native::delete_capability(memory.first_slot + i);
    }
    if (memory.has_virtio) {
        take_back_virtio(resources);
    }
    return missing;
}

void release_process(Resources& resources, ProcessMemory& memory) {
    for (std::size_t i = 0; i < memory.root_count; ++i) {
        resources.memory().release(memory.roots[i]);
    }
    if (memory.slot_count != 0) {
        resources.slots().free(memory.first_slot, memory.slot_count);
    }
    memory = {};
}

}  // namespace redoubt::init
