// Makes cpio archives in "newc" form for tests.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace redoubt::test {

class CpioBuilder {
  public:
    CpioBuilder& file(std::string_view name, std::string_view contents) {
        return entry(name, contents, 0100644);
    }
    CpioBuilder& directory(std::string_view name) { return entry(name, "", 0040755); }
    std::string finish() {
        entry("TRAILER!!!", "", 0);
        return archive_;
    }
    CpioBuilder& entry(std::string_view name, std::string_view contents, unsigned mode) {
        char header[111];
        std::snprintf(header, sizeof(header),
                      "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 1, mode, 0, 0,
                      1, 0, contents.size(), 0, 0, 0, 0, name.size() + 1, 0);
        archive_ += header;
        archive_ += name;
        archive_ += '\0';
        pad();
        archive_ += contents;
        pad();
        return *this;
    }

  private:
    void pad() {
        while (archive_.size() % 4 != 0) {
            archive_ += '\0';
        }
    }
    std::string archive_;
};

}  // namespace redoubt::test
