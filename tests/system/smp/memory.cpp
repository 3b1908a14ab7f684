// Memory: retype, map, use, revoke; and mappings that change under other processors' eyes.
#include "tests/system/smp/stress.hpp"

namespace redoubt::stress {

void map_and_revoke(Task& task) {
    constexpr unsigned kFrames = 8;
    for (;; done(task)) {
        const Slot frames = task.first;
        must(task, native::retype(task.pool, ObjectType::Frame, 12, frames, kFrames), "frames");
        for (unsigned i = 0; i < kFrames; ++i) {
            const std::uint64_t address = task.window + i * 0x1000ULL;
            must(task, native::map(frames + i, kSpace, address, kReadWrite), "mapping");
            auto& word = *reinterpret_cast<volatile std::uint64_t*>(address + 8 * (i + 1));
            if (word != 0) fail(task, "new memory is not zero", word);
            word = task.index + 1;
        }
        for (unsigned i = 0; i < kFrames; ++i) {
            const std::uint64_t address = task.window + i * 0x1000ULL + 8 * (i + 1);
            const auto word = *reinterpret_cast<volatile std::uint64_t*>(address);
            if (word != task.index + 1) fail(task, "somebody else's memory", word);
        }
        if (task.random.one_in(2)) {
            must(task, native::unmap(frames + static_cast<Slot>(task.random.below(kFrames))),
                 "unmapping");
        }
        must(task, native::revoke(task.pool), "revoking");
        if (native::identify(task.pool).value.free_bytes != 1ULL << kPoolBits)
            fail(task, "memory is lost");
    }
}

// Shared by swap_mappings (which has it) and watch_mappings: the epoch, whose number the mapped
// page holds; 0 while it changes.
namespace {

volatile std::uint64_t& epoch_of(Task& task) {
    return reinterpret_cast<volatile std::uint64_t&>(task.shared[0]);
}

}  // namespace

void swap_mappings(Task& task) {
    constexpr unsigned kFrames = 2;
    const Slot frames = task.first, views = frames + kFrames;
    const std::uint64_t target = task.window, view = task.window + 0x10000;
    must(task, native::retype(task.pool, ObjectType::Frame, 12, frames, kFrames), "frames");
    for (unsigned i = 0; i < kFrames; ++i) {
        must(task, native::copy(frames + i, Rights::All, views + i), "a copy");
        must(task, native::map(views + i, kSpace, view + i * 0x1000ULL, kReadWrite), "mapping");
    }
    for (std::uint64_t epoch = 1;; ++epoch, done(task)) {
        const unsigned now = epoch % kFrames;
        *reinterpret_cast<volatile std::uint64_t*>(view + now * 0x1000ULL) = epoch;
        must(task, native::map(frames + now, kSpace, target, kReadWrite), "mapping");
        epoch_of(task) = epoch;
        // Until the other side has seen it: it is not to starve on a single processor.
        const std::uint64_t seen = task.partner->progress;
        for (unsigned i = 0; i < 20 && task.partner->progress == seen; ++i) native::yield();
        epoch_of(task) = 0;
        must(task, native::unmap(frames + now), "unmapping");
    }
}

void watch_mappings(Task& task) {
    Task& other = *task.partner;
    const auto* word = reinterpret_cast<const volatile std::uint64_t*>(other.window);
    for (;;) {
        const std::uint64_t before = epoch_of(other);
        if (before == 0) {
            native::yield();
            continue;
        }
        // While nothing is mapped there this faults, and is repeated.
        const std::uint64_t value = *word;
        if (epoch_of(other) != before) continue;
        if (value != before)
            fail(task, "a stale translation was used: pages behind", before - value);
        done(task);
        // All others share its priority: it is not to use up whole slices.
        if (task.progress % 256 == 0) native::yield();
    }
}

}  // namespace redoubt::stress
