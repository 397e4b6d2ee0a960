#include "core/time_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <optional>

namespace graphhook {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Takes exactly `count` digits off the front.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
    if (text.size() < count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(count);
    return value;
}

bool take(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

constexpr std::array kDurations = {
    Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}, Unit{"ms", 1},
};
constexpr std::array kSizes = {
    Unit{"TiB", 1ULL << 40},
    Unit{"GiB", 1ULL << 30},
    Unit{"MiB", 1ULL << 20},
    Unit{"KiB", 1ULL << 10},
    Unit{"B", 1},
};

template <std::size_t N>
std::optional<std::uint64_t> parse_with_unit(
    std::string_view text, const std::array<Unit, N>& units, std::uint64_t most
) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    const std::string_view name(end, static_cast<std::size_t>(text.data() + text.size() - end));
    for (const auto& unit : units) {
        if (unit.name == name && number <= most / unit.factor) return number * unit.factor;
    }
    return std::nullopt;
}

template <std::size_t N>
std::string text_with_unit(std::uint64_t value, const std::array<Unit, N>& units) {
    for (const auto& unit : units) {
        if (value != 0 && value % unit.factor == 0)
            return fmt::format("{}{}", value / unit.factor, unit.name);
    }
    return fmt::format("0{}", units[units.size() - 2].name);
}

}  // namespace

std::string to_text(SystemTime time) {
    const auto day = std::chrono::floor<days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    auto text = fmt::format(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
        clock.hours().count(), clock.minutes().count(), clock.seconds().count()
    );
    if (const auto fraction = clock.subseconds().count(); fraction != 0)
        text += fmt::format(".{:06}", fraction);
    return text + 'Z';
}

Result<SystemTime> parse_time(std::string_view text) {
    const auto refuse = [whole = text] {
        return fail(Errc::BadInput, fmt::format("not an RFC 3339 time: '{}'", whole));
    };
    const auto year = take_digits(text, 4);
    if (!year || !take(text, "-")) return refuse();
    const auto month = take_digits(text, 2);
    if (!month || !take(text, "-")) return refuse();
    const auto day = take_digits(text, 2);
    if (!day || !take(text, "Tt ")) return refuse();
    const auto hour = take_digits(text, 2);
    if (!hour || !take(text, ":")) return refuse();
    const auto minute = take_digits(text, 2);
    if (!minute || !take(text, ":")) return refuse();
    const auto second = take_digits(text, 2);
    if (!second) return refuse();
    std::int64_t nanoseconds = 0;
    if (take(text, ".")) {
        std::int64_t scale = 100'000'000;
        std::size_t digits = 0;
        for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9';
             ++digits, scale /= 10) {
            if (digits == 9) return refuse();
            nanoseconds += (text[digits] - '0') * scale;
        }
        if (digits == 0) return refuse();
        text.remove_prefix(digits);
    }
    minutes offset{0};
    if (!take(text, "Zz")) {
        const bool minus = !text.empty() && text.front() == '-';
        if (!take(text, "+-")) return refuse();
        const auto offset_hour = take_digits(text, 2);
        if (!offset_hour || !take(text, ":")) return refuse();
        const auto offset_minute = take_digits(text, 2);
        if (!offset_minute || *offset_hour > 23 || *offset_minute > 59) return refuse();
        offset = (hours(*offset_hour) + minutes(*offset_minute)) * (minus ? -1 : 1);
    }
    const auto date = std::chrono::year(*year) / *month / *day;
    if (!text.empty() || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return refuse();
    return SystemTime(std::chrono::sys_days(date)) + hours(*hour) + minutes(*minute) +
           seconds(*second) + microseconds(nanoseconds / 1000) - offset;
}

Result<milliseconds> parse_duration(std::string_view text) {
    constexpr std::uint64_t kTenYears = 3650ULL * 86'400'000;
    if (const auto value = parse_with_unit(text, kDurations, kTenYears))
        return milliseconds(*value);
    return fail(
        Errc::BadInput,
        fmt::format("'{}' is not a duration such as 250ms, 30s, 15m, 4h or 2d", text)
    );
}

std::string duration_text(milliseconds duration) {
    return text_with_unit(
        static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0)), kDurations
    );
}

Result<std::uint64_t> parse_size(std::string_view text) {
    constexpr std::uint64_t kMost = 1ULL << 60;
    if (const auto value = parse_with_unit(text, kSizes, kMost)) return *value;
    if (const auto value = parse_with_unit(text, std::array{Unit{"", 1}}, kMost)) return *value;
    return fail(
        Errc::BadInput, fmt::format("'{}' is not a size such as 512B, 64KiB, 100MiB or 2GiB", text)
    );
}

std::string size_text(std::uint64_t bytes) {
    return bytes == 0 ? "0B" : text_with_unit(bytes, kSizes);
}

Result<seconds> parse_retry_after(std::string_view text, SystemTime now) {
    constexpr seconds kMost = hours(24);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size() && number >= 0) {
        return std::min(seconds(number), kMost);
    }
    std::tm date{};
    const std::string zeroed(text);
    const char* rest = ::strptime(zeroed.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
    if (rest == nullptr || *rest != '\0') {
        return fail(Errc::BadInput, fmt::format("not a Retry-After value: '{}'", text));
    }
    const auto at = SystemTime(seconds(::timegm(&date)));
    return std::clamp(std::chrono::ceil<seconds>(at - now), seconds(0), kMost);
}

}  // namespace graphhook
