// Random sequences of what can be done with capabilities (tests/rights/sequence.hpp): after each,
// revoking gives everything back. What fails here with a seed can be shrunk on the host:
// REDOUBT_FUZZ_SEED=<seed> REDOUBT_SEQUENCES=1.
#include "tests/rights/sequence.hpp"
#include "tests/system/rights/child.hpp"

namespace redoubt::rights {

extern "C" {
/// By index in kDoings: the number, the second argument and whether the arguments are (0, slot).
std::uint64_t doing_numbers[kDoingCount], doing_seconds[kDoingCount], doing_own_slot[kDoingCount];
/// Without a stack: its pointer is a deadline (see Scene::start).
void sequence_entry();
}

extern "C" const std::uint64_t exit_number = static_cast<std::uint64_t>(abi::SyscallNumber::Exit);

namespace {

constexpr std::uint64_t kBufferWindow = 0x2100'0000;
constexpr std::size_t kSteps = 400;

bool is_empty(const Scene& scene) {
    for (unsigned i = 0; i < kSequenceSlots; ++i) {
        if (native::identify(scene.slot(i))) return false;
    }
    return true;
}

/// Bytes of the list of VMs made through the scene's hv:.
std::uint64_t vm_list_length(const Scene& scene) {
    if (scene.hv == 0) return 0;
    native::scheme::open(scene.hv, "vm", abi::scheme::OpenFlags::None, scene.first);
    const auto list = native::scheme::list_in_place(scene.first, 0);
    native::delete_capability(scene.first);
    return list.value;
}

unsigned free_interrupts(const Scene& scene) {
    unsigned count = 0;
    while (count < kSequenceSlots &&
           claim_free_interrupt(scene.irq_control, scene.slot(count), count) == Error::Ok) {
        ++count;
    }
    native::revoke(scene.irq_control);
    return count;
}

Scene make_scene() {
    for (unsigned i = 0; i < kDoingCount; ++i) {
        doing_numbers[i] = static_cast<std::uint64_t>(kDoings[i].number);
        doing_seconds[i] = kDoings[i].second;
        doing_own_slot[i] = kDoings[i].own_slot;
    }
    Scene scene{};
    Slot next = kChildFirstEmpty;
    scene.pool = next++;
    native::retype(kChildPool, ObjectType::Untyped, kSequencePoolBits, scene.pool);
    scene.cnode = kChildCNode;
    scene.space = kChildSpace;
    scene.irq_control = next++;
    native::copy(kChildIrqControl, Rights::All, scene.irq_control);
    scene.ports = next++;
    native::copy(kChildPorts, Rights::All, scene.ports);
    if (native::identify(kChildHv)) {
        scene.hv = next++;
        native::copy(kChildHv, Rights::All, scene.hv);
    }
    for (unsigned i = 0; i < 2; ++i) {
        scene.buffers[i] = next++;
        native::retype(kChildPool, ObjectType::Frame, abi::kPageBits, scene.buffers[i]);
        native::map(scene.buffers[i], kChildSpace, kBufferWindow + i * 0x1000ULL, fuzz::kReadWrite);
        scene.contents[i] = reinterpret_cast<abi::IpcBuffer*>(kBufferWindow + i * 0x1000ULL);
    }
    scene.first = next;
    scene.priority = kChildPriority + 1;
    scene.entry = reinterpret_cast<std::uint64_t>(sequence_entry);
    scene.soon = 20'000;
    return scene;
}

}  // namespace

void try_random_sequences(Report& report) {
    const Scene scene = make_scene();
    const unsigned interrupts = free_interrupts(scene);
    const std::uint64_t rounds = option_rounds != 0 ? option_rounds : 150;
    for (std::uint64_t seed = option_seed; seed < option_seed + rounds; ++seed) {
        SequenceRandom random = random_for(seed);
        for (std::size_t i = 0; i < kSteps; ++i) scene.perform(random_step(random));
        scene.clean();
        const std::uint64_t free = native::identify(scene.pool).value.free_bytes;
        report.check(free == 1ULL << kSequencePoolBits, "memory is lost; seed, bytes free", seed,
                     free);
        report.check(is_empty(scene), "a capability is left; seed", seed);
        report.check(vm_list_length(scene) == 0, "a virtual machine is left; seed", seed);
        report.check(free_interrupts(scene) == interrupts, "an interrupt is left; seed", seed);
        if (report.count != 0) break;
    }
}

}  // namespace redoubt::rights
