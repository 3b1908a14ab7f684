// Whatever the start list says: each line is an entry within its limits, or an error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "schemes/init/start_list.hpp"

using namespace redoubt::init;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    StartListParser parser({reinterpret_cast<const char*>(data), size});
    StartEntry entry;
    unsigned last_line = 0;
    while (parser.next(entry)) {
        if (parser.line() <= last_line) {
            std::abort();
        }
        last_line = parser.line();
        if (parser.error()) {
            continue;
        }
        if (entry.name.empty() || entry.program.empty() || entry.priority == 0 ||
            entry.priority > 199 || entry.memory % 4096 != 0 || entry.heap % 4096 != 0 ||
            entry.heap == 0 || entry.share > 1000 || entry.limit > kMaximumLimit) {
            std::abort();
        }
    }
    return 0;
}
