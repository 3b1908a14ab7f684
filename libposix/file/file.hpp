// What every open file can do, and how threads watch for its states.
#pragma once

#include <linux/errno.h>
#include <linux/eventpoll.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "abi/object.hpp"

namespace redoubt::posix {

class File;

/// Somebody who wants to hear that a file's state may have changed. Linked into the file while
/// registered.
class Watch {
  public:
    virtual void on_event() = 0;

    void attach(File& file);
    void detach();
    File* file() const { return file_; }

  protected:
    ~Watch() = default;
    /// The file is closed for good; the watch is no longer attached.
    virtual void on_close() {}

  private:
    friend class File;
    File* file_ = nullptr;
    Watch* next_ = nullptr;
};

/// An open file description. Operations are attempts: -EAGAIN means "not now", and blocking is the
/// caller's matter. The process's lock is held around each call; an operation may give it up while
/// another process answers.
class File {
  public:
    /// Kinds that have system calls of their own.
    enum class Type : std::uint8_t { Other, Timer, Epoll, Socket };

    explicit File(Type type = Type::Other) : type_(type) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    virtual ~File() = default;

    virtual long read(void*, std::size_t) { return -EINVAL; }
    virtual long write(const void*, std::size_t) { return -EINVAL; }
    virtual long read_at(void*, std::size_t, std::uint64_t) { return -ESPIPE; }
    virtual long write_at(const void*, std::size_t, std::uint64_t) { return -ESPIPE; }
    virtual long seek(std::int64_t, int) { return -ESPIPE; }
    virtual long directory_entries(std::byte*, std::size_t) { return -ENOTDIR; }

    /// EPOLL… states that hold now.
    virtual std::uint32_t readiness() { return EPOLLIN | EPOLLOUT; }
    /// When the readiness changes by itself, in ticks.
    virtual std::uint64_t deadline() const { return abi::kNever; }
    /// False for files that are always ready, which epoll refuses.
    virtual bool pollable() const { return true; }
    /// st_mode, and the size in bytes.
    virtual std::uint32_t mode() const { return 0010600; }
    virtual std::uint64_t size() { return 0; }
    virtual bool is_terminal() const { return false; }
    virtual abi::CapabilityIndex capability() const { return 0; }

    Type type() const { return type_; }

    /// Tells the watches.
    void notify();

    bool nonblocking = false;
    std::uint32_t access = 2;  ///< O_RDONLY, O_WRONLY or O_RDWR

  private:
    friend class Watch;
    template <class T>
    friend class Ref;
    void drop_watches();

    Type type_;
    std::uint32_t references_ = 0;
    Watch* watches_ = nullptr;
};

/// Counted reference. The count is guarded by the process's lock.
template <class T = File>
class Ref {
  public:
    Ref() = default;
    explicit Ref(T* file) : file_(file) { take(); }
    Ref(const Ref& other) : file_(other.file_) { take(); }
    Ref(Ref&& other) noexcept : file_(std::exchange(other.file_, nullptr)) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(file_, other.file_);
        return *this;
    }
    ~Ref() {
        if (file_ == nullptr || --file_->references_ != 0) return;
        // First: a destructor may give up the lock, and nobody may find half a file then.
        file_->drop_watches();
        delete file_;
    }
    T* operator->() const { return file_; }
    T& operator*() const { return *file_; }
    T* get() const { return file_; }
    explicit operator bool() const { return file_ != nullptr; }

  private:
    void take() {
        if (file_ != nullptr) ++file_->references_;
    }
    T* file_ = nullptr;
};

/// The file as a T, whose type is `type`; nullptr if it is something else.
template <class T>
T* file_as(const Ref<>& file, File::Type type) {
    return file && file->type() == type ? static_cast<T*>(file.get()) : nullptr;
}

/// Sleeps until one of `events` (EPOLLERR and EPOLLHUP included) holds: 0, or -ETIMEDOUT after
/// `deadline` (ticks).
long wait_for(File& file, std::uint32_t events, std::uint64_t deadline = abi::kNever);

}  // namespace redoubt::posix
