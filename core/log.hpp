#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace graphhook {

enum class LogFormat { Auto, Text, Json };

/// Sets up the process's logger on standard error: text where that is a terminal (or as asked), one
/// JSON object a line otherwise. Call once, before threads. `level`: trace, debug, info, warn,
/// error.
void set_up_logging(LogFormat format, std::string_view level);

/// One line an event, `key=value` after a short sentence; never a token, a secret, a client state
/// or content. Threads: any.
spdlog::logger& log();

/// Text from a peer made fit for one log line: control characters escaped, cut at `most` bytes.
std::string for_log(std::string_view text, std::size_t most = 200);

/// For lines that a stranger can cause: true at most once an `every`, and then tells how many were
/// kept back. Threads: any.
class LogLimiter {
  public:
    explicit LogLimiter(std::chrono::milliseconds every = std::chrono::seconds(10))
        : every_(every) {}
    /// `suppressed` is how many calls said no since the last that said yes.
    [[nodiscard]] bool allow(std::chrono::steady_clock::time_point now, std::uint64_t& suppressed);

  private:
    const std::chrono::milliseconds every_;
    std::atomic<std::int64_t> next_{0};
    std::atomic<std::uint64_t> kept_back_{0};
};

}  // namespace graphhook
