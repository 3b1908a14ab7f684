// Choice of the backend at boot.
#include "kernel/hv/hv.hpp"

#include "arch/backends.hpp"
#include "arch/boot.hpp"
#include "kernel/hv/backend.hpp"
#include "kernel/hv/text.hpp"

namespace redoubt::kernel::hv {
namespace {

Capabilities found;
char summary_text[96];

void write_summary() {
    TextWriter{summary_text, sizeof summary_text - 1, 0}.print(
        "{} revision {}, {} guest address spaces, pages up to {}", found.backend, found.revision,
        found.address_space_ids, found.largest_page_bits == 30 ? "1 GiB" : "2 MiB");
}

}  // namespace

const Backend* backend = nullptr;

const Capabilities& capabilities() { return found; }

void initialize() {
    for (const Backend& candidate : kBackends) {
        if (!candidate.detect(found)) continue;
        backend = &candidate;
        backend->enable_processor();
        found.processor = boot_information().processor;
        write_summary();
        return;
    }
}

void initialize_processor() {
    if (backend != nullptr) backend->enable_processor();
}

bool available() { return backend != nullptr; }

const char* summary() { return backend != nullptr ? summary_text : found.reason; }

}  // namespace redoubt::kernel::hv
