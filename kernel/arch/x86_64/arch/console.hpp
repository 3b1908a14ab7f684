// The kernel's own console: COM1, polled.
#pragma once

namespace redoubt::kernel {

void console_initialize();
void console_write(char character);

}  // namespace redoubt::kernel
