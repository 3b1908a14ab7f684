// The world behind a character device: where its output goes and how its input comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace redoubt::vmmd {

/// Takes what the guest sends. Called on the vCPU's thread: it must not block.
class CharacterBackend {
  public:
    virtual ~CharacterBackend() = default;
    virtual void write(std::span<const std::uint8_t> bytes) = 0;
};

/// The device's side for input from the world.
class CharacterInput {
  public:
    virtual ~CharacterInput() = default;
    /// Any thread. Gives the number of bytes taken, from the front; the rest has to be offered
    /// again when `ready` is called.
    virtual std::size_t receive(std::span<const std::uint8_t> bytes) = 0;
    /// `ready` is called, with no lock held, when there is room again after receive() took less
    /// than all.
    virtual void set_ready_callback(std::function<void()> ready) = 0;
};

}  // namespace redoubt::vmmd
