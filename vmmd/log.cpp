// The log through spdlog.
#include "vmmd/log.hpp"

// Debian has no static libfmt.
#define FMT_HEADER_ONLY
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "libhvcall/native_hv/native_hypervisor.hpp"

namespace redoubt::vmmd::log {

void initialize(const std::string& name) {
    auto logger =
        std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_sink_mt>());
    // No date and, on Redoubt, no name: the system log adds both.
    logger->set_pattern(hvcall::running_on_redoubt() ? "%v" : "%n: %v");
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

void info(std::string_view line) { spdlog::info("{}", line); }
void warning(std::string_view line) { spdlog::warn("warning: {}", line); }
void error(std::string_view line) { spdlog::error("error: {}", line); }

}  // namespace redoubt::vmmd::log
