#include "core/log.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <unistd.h>

namespace graphhook {
namespace {

/// One JSON object a line. Written here rather than as a pattern because the message has to be
/// escaped.
class JsonFormatter final : public spdlog::formatter {
  public:
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        const auto since_epoch = message.time.time_since_epoch();
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
        const auto micros =
            std::chrono::duration_cast<std::chrono::microseconds>(since_epoch - seconds);
        const std::time_t time = seconds.count();
        std::tm date{};
        ::gmtime_r(&time, &date);
        const auto level = spdlog::level::to_string_view(message.level);
        const std::string text = boost::json::serialize(boost::json::value(
            boost::json::string_view(message.payload.data(), message.payload.size())
        ));
        fmt::format_to(
            std::back_inserter(out),
            R"({{"time":"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z","level":"{}","message":{}}})"
            "\n",
            date.tm_year + 1900, date.tm_mon + 1, date.tm_mday, date.tm_hour, date.tm_min,
            date.tm_sec, micros.count(), std::string_view(level.data(), level.size()), text
        );
    }
    std::unique_ptr<spdlog::formatter> clone() const override {
        return std::make_unique<JsonFormatter>();
    }
};

std::shared_ptr<spdlog::logger>& the_logger() {
    static auto logger = std::make_shared<spdlog::logger>(
        "graphhook", std::make_shared<spdlog::sinks::stderr_sink_mt>()
    );
    return logger;
}

}  // namespace

void set_up_logging(LogFormat format, std::string_view level) {
    auto& logger = *the_logger();
    const bool text =
        format == LogFormat::Text || (format == LogFormat::Auto && ::isatty(STDERR_FILENO) == 1);
    if (text) {
        logger.set_pattern("%Y-%m-%d %H:%M:%S.%e %L %v");
    } else {
        logger.set_formatter(std::make_unique<JsonFormatter>());
    }
    logger.set_level(spdlog::level::from_str(std::string(level)));
    logger.flush_on(spdlog::level::trace);
}

spdlog::logger& log() {
    return *the_logger();
}

std::string for_log(std::string_view text, std::size_t most) {
    std::string safe;
    for (const char c : text.substr(0, most)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f) {
            safe += fmt::format("\\x{:02x}", byte);
        } else {
            safe += c;
        }
    }
    if (text.size() > most) safe += "...";
    return safe;
}

bool LogLimiter::allow(std::chrono::steady_clock::time_point now, std::uint64_t& suppressed) {
    const auto at =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    auto next = next_.load(std::memory_order_relaxed);
    if (at < next || !next_.compare_exchange_strong(next, at + every_.count())) {
        kept_back_.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
    suppressed = kept_back_.exchange(0);
    return true;
}

}  // namespace graphhook
