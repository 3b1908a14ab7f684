// What the processor must know before it uses the kernel's tables.
#include "arch/paging.hpp"

#include "arch/page_format.hpp"

namespace redoubt::kernel {

void paging_initialize_processor() {
    long_mode_largest_leaf = features().gigabyte_pages ? 2 : 1;
    write_msr(kMsrPat, kPageAttributeTable);
}

}  // namespace redoubt::kernel
