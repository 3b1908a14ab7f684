// The kernel's own console: a serial port, polled.
#pragma once

namespace redoubt::kernel {

void console_write(char character);

}  // namespace redoubt::kernel
