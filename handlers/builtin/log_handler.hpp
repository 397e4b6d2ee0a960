#pragma once

#include "handlers/handler.hpp"
#include "handlers/options.hpp"

#include <spdlog/logger.h>

namespace graphhook::handlers {

/// One line of the service's log for each delivery; the item only when asked for, cut at 16 KiB,
/// and the decrypted resource never.
class LogHandler final : public Handler {
  public:
    /// `logger` must outlive it.
    LogHandler(LogOptions options, spdlog::logger& logger) : options_(options), logger_(logger) {}
    [[nodiscard]] std::size_t batch_limit() const override { return 64; }
    [[nodiscard]] std::vector<Outcome> handle(std::span<const Delivery> batch, std::stop_token stop)
        override;

  private:
    const LogOptions options_;
    spdlog::logger& logger_;
};

}  // namespace graphhook::handlers
