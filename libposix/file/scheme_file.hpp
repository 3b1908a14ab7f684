// Files, directories and streams of schemes; the log; and the few files that need no scheme.
#pragma once

#include <cstdint>
#include <string_view>

#include "libposix/file/file.hpp"
#include "libposix/file/scheme_handle.hpp"

namespace redoubt::posix {

/// Whatever open() finds behind a scheme path.
class SchemeFile final : public File {
  public:
    long open(std::string_view scheme, std::string_view path, abi::scheme::OpenFlags flags);

    long read(void* to, std::size_t size) override;
    long write(const void* from, std::size_t size) override;
    long read_at(void* to, std::size_t size, std::uint64_t offset) override;
    long write_at(const void* from, std::size_t size, std::uint64_t offset) override;
    long seek(std::int64_t offset, int whence) override;
    long directory_entries(std::byte* to, std::size_t size) override;
    std::uint32_t readiness() override;
    bool pollable() const override { return is_stream(); }
    std::uint32_t mode() const override;
    std::uint64_t size() override;
    abi::CapabilityIndex capability() const override { return handle_.slot(); }

  private:
    bool is_stream() const;

    SchemeHandle handle_{*this};
    std::uint64_t offset_ = 0;
};

/// Standard output and error: a stream of log: named after the program, or lines for init where
/// there is no log:.
class LogFile final : public File {
  public:
    long write(const void* from, std::size_t size) override;
    std::uint32_t readiness() override;
    std::uint32_t mode() const override { return 0020620; }
    bool is_terminal() const override { return true; }

  private:
    SchemeHandle handle_{*this};
    bool opened_ = false;
};

/// Standard input, /dev/null and /dev/urandom.
class SpecialFile final : public File {
  public:
    enum class Kind { Null, Random };
    explicit SpecialFile(Kind kind) : kind_(kind) {}
    long read(void* to, std::size_t size) override;
    long write(const void*, std::size_t size) override { return static_cast<long>(size); }
    std::uint32_t mode() const override { return 0020666; }

  private:
    Kind kind_;
};

}  // namespace redoubt::posix
