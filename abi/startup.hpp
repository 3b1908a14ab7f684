// What a new process is told: by the kernel to init (BootInfo), by init to everything else (StartupInfo).
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/machine.hpp"
#include "abi/object.hpp"

namespace redoubt::abi {

/// Slots of every process's CNode that its creator fills.
enum class StartupSlot : CapabilityIndex {
    CNode = 1,         ///< its own CNode
    AddressSpace = 2,
    MainThread = 3,
    Untyped = 4,       ///< the memory it may spend; everything it makes is derived from this
    Parent = 5,        ///< endpoint to init (init: empty): ProcessMessage labels
    IpcBuffer = 6,     ///< the main thread's IPC buffer frame
    FirstNamed = 16,   ///< from here: the namespace and other grants, listed in StartupInfo
};

/// Labels of messages to the Parent endpoint (faults arrive there too, as kFaultLabel).
enum class ProcessMessage : std::uint32_t {
    Exit = 1,  ///< mr0: exit code. Never answered: init takes the process's memory back.
    Ready = 2, ///< the process has finished starting; init starts the next entry of its list
    PowerOff = 3,  ///< mr0: exit code of the machine. Honoured only from processes started with `power`
    Log = 4,   ///< mr0: length, bytes: a line for the system console, before log: runs
    WatchSchemes = 5,  ///< one Notification capability: signalled when a scheme that the process uses has another
                       ///< server, or none any more. What was open there is dead. A later one replaces it
    Kill = 6,  ///< mr0: length of a name, bytes: ends that process of the start list as if it had crashed; its restart
               ///< policy applies. Honoured only from processes started with `power`
    // The rest is honoured only from processes started with `spawn`, and is about their own children.
    Spawn = 7,  ///< mr0: length of a line as in the start list, mr1: length of a text, bytes: the line, then the text,
                ///< which becomes the last argument. Reply: mr0: the child's id. It can be given no more than the parent
                ///< has: the same schemes or paths of them, `hv`, and a priority that is not higher
    Children = 8,  ///< mr0: index, from 0. Reply: mr0: id, mr1: ChildState, mr2: exit code, mr3: length of the name <<
                   ///< 32 | length of the reason for its end, bytes: name, reason. NotFound after the last
    EndChild = 9,  ///< mr0: id. Ends the child if it still runs, and forgets it. Its memory is back when this is answered
    WatchChildren = 10,  ///< one Notification capability: signalled when a child has ended, after the servers of the
                         ///< schemes that it used were told. A later one replaces it
    FreeMemory = 11,     ///< Reply: mr0: bytes that children could still be given, in pieces
};

enum class ChildState : std::uint64_t {
    Running = 0,
    Exited = 1,
    Crashed = 2,  ///< a fault, or an exit code of 128 and more
    Killed = 3,
};

// ---- kernel -> init -------------------------------------------------------------------------------------

inline constexpr std::uint64_t kBootInfoMagic = 0x746F6F4274627552;  // "RubtBoot"
inline constexpr std::uint64_t kBootInfoAddress = 0x0000'0000'0010'0000;  ///< where init finds it (read-only)

struct UntypedDescription {
    std::uint64_t physical_address;
    std::uint32_t slot;
    std::uint8_t size_bits;
    std::uint8_t is_device;
    std::uint16_t reserved;
};
static_assert(sizeof(UntypedDescription) == 16);

struct FrameDescription {
    std::uint32_t slot;
    std::uint32_t size_bits;
};

/// One page, mapped read-only at kBootInfoAddress; init's first argument points to it.
struct BootInfo {
    std::uint64_t magic;
    std::uint64_t ipc_buffer_address;   ///< of init's only thread
    std::uint64_t module_offset;        ///< where the boot archive starts within its first frame
    std::uint64_t module_size;          ///< bytes
    std::uint32_t irq_control_slot;
    std::uint32_t io_port_slot;         ///< all ports; 0 if the processor has none
    std::uint32_t hv_slot;              ///< root of hv:; 0 if the processor cannot virtualize
    std::uint32_t first_free_slot;
    std::uint32_t cnode_size_bits;
    std::uint32_t untyped_count;
    std::uint32_t module_frame_count;   ///< consecutive frames covering the archive, in order
    MachineDescription machine;
    char command_line[256];             ///< NUL-terminated
    UntypedDescription untyped[180];
    FrameDescription module_frames[64];
};
static_assert(sizeof(BootInfo) <= 4096);

// ---- init -> process ------------------------------------------------------------------------------------

inline constexpr std::uint64_t kStartupInfoMagic = 0x7472617453627552;  // "RubStart"

struct NamespaceEntry {
    char name[24];         ///< scheme name without the colon, or the name of another grant ("irq", "ports", "module0")
    CapabilityIndex slot;
    std::uint32_t kind;    ///< GrantKind
    std::uint64_t value;   ///< size in bytes of a frame, first port | last port << 16 of ports, …; of a scheme: 0, or
                           ///< scheme::restricted_root() of the one path that can be opened
};
static_assert(sizeof(NamespaceEntry) == 40);

enum class GrantKind : std::uint32_t {
    Scheme = 0,      ///< client side of a scheme
    Serve = 1,       ///< the endpoint on which this process serves that scheme (all rights)
    Frames = 2,      ///< a Frame
    Ports = 3,
    IrqControl = 4,
    Untyped = 5,     ///< e.g. device memory
    Hv = 6,          ///< root of hv:
    Device = 7,      ///< the frame that a device's registers are in; value: where they begin in it | log2 of their
                     ///< distance << 12 | interrupt line << 32
};

/// Read-only pages mapped by the creator; the first argument register of the entry points to them.
struct StartupInfo {
    std::uint64_t magic;
    std::uint64_t ipc_buffer_address;
    std::uint64_t heap_base;          ///< memory already mapped read-write for the process
    std::uint64_t heap_size;
    std::uint64_t free_address_base;  ///< from here up to free_address_end nothing is mapped
    std::uint64_t free_address_end;
    std::uint64_t stack_top;
    std::uint64_t program_entry;      ///< of the ELF program (the thread starts in libposix if there is one)
    std::uint64_t program_headers;    ///< user address, AT_PHDR
    std::uint32_t program_header_size;
    std::uint32_t program_header_count;
    std::uint32_t cnode_size_bits;
    std::uint32_t first_free_slot;
    std::uint32_t argument_count;     ///< NUL-separated strings start at `strings`, arguments first
    std::uint32_t environment_count;
    std::uint32_t namespace_count;
    std::uint32_t strings_size;
    std::uint32_t priority;           ///< of its main thread, and the most that its threads may have
    std::uint32_t own_kibibytes;      ///< of its own that it was made of: data, stack, heap, page tables, capabilities
    NamespaceEntry names[48];
    char strings[6160];
};
static_assert(offsetof(StartupInfo, names) == 112);
static_assert(sizeof(StartupInfo) == 8192);

}  // namespace redoubt::abi
