#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"

#include <string>
#include <string_view>

namespace graphhook {

/// RFC 3339 in UTC, as Graph takes it: "2026-11-28T08:00:00Z"; with microseconds where they are not
/// zero.
std::string to_text(SystemTime time);

/// Reads what Graph sends: 'T' or 't', 0 to 9 fraction digits, 'Z', 'z' or "+05:30". A missing zone
/// is refused (Errc::BadInput), as are dates that do not exist.
[[nodiscard]] Result<SystemTime> parse_time(std::string_view text);

/// "90s", "15m", "4h", "72h", "2d", "250ms"; a bare number is refused. Durations in configuration
/// and on the command line.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// The shortest form parse_duration reads back: "72h", "90s", "250ms".
std::string duration_text(std::chrono::milliseconds duration);

/// "100MiB", "2GiB", "64KiB", "512B" or a bare number of bytes.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);
std::string size_text(std::uint64_t bytes);

/// The Retry-After header (RFC 9110 10.2.3): seconds, or an HTTP-date relative to `now`. Never
/// negative; capped at a day.
[[nodiscard]] Result<std::chrono::seconds> parse_retry_after(std::string_view text, SystemTime now);

}  // namespace graphhook
