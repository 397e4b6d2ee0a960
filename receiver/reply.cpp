#include "receiver/reply.hpp"

#include <fmt/format.h>

namespace graphhook::receiver {
namespace {

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
constexpr std::string_view kSafe =
    "X-Content-Type-Options: nosniff\r\n"
    "Cache-Control: no-store\r\n";
// The handshake sends back what a stranger wrote: nothing may take it for more than text.
constexpr std::string_view kSafeEcho =
    "X-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'\r\n"
    "Cache-Control: no-store\r\n";
constexpr std::string_view kRetryAfter = "Retry-After: 10\r\n";

/// RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(std::chrono::sys_seconds second) {
    static constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
    static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const auto day = std::chrono::floor<std::chrono::days>(second);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(second - day);
    return fmt::format(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        kDays.substr(3 * std::chrono::weekday(day).c_encoding(), 3),
        static_cast<unsigned>(date.day()),
        kMonths.substr(3 * (static_cast<unsigned>(date.month()) - 1), 3),
        static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
        time.seconds().count()
    );
}

}  // namespace

std::string_view reason_phrase(unsigned status) noexcept {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 415:
            return "Unsupported Media Type";
        case 421:
            return "Misdirected Request";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 503:
            return "Service Unavailable";
        default:
            return "Reply";
    }
}

void ReplyWriter::refresh(SystemTime now) {
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    if (second == second_ && !date_.empty()) return;
    second_ = second;
    date_ = http_date(second);
    accepted_.clear();
    append(accepted_, Reply{}, {}, now);
}

std::string_view ReplyWriter::accepted(SystemTime now) {
    refresh(now);
    return accepted_;
}

void ReplyWriter::append(std::string& out, const Reply& reply, ReplyForm form, SystemTime now) {
    refresh(now);
    fmt::format_to(
        std::back_inserter(out), "HTTP/1.1 {} {}\r\nDate: {}\r\n", reply.status,
        reason_phrase(reply.status), date_
    );
    if (!reply.content_type.empty())
        fmt::format_to(std::back_inserter(out), "Content-Type: {}\r\n", reply.content_type);
    // RFC 9110 8.6: a 204 has no length.
    if (reply.status != 204)
        fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", reply.body.size());
    out += reply.headers;
    out += reply.more_headers;
    if (form.close) out += "Connection: close\r\n";
    out += "\r\n";
    if (!form.without_body) out += reply.body;
}

Reply status_reply(unsigned status) {
    return Reply{status, {}, kSafe, {}, {}, false};
}

Reply handshake_reply(std::string token) {
    return Reply{200, kPlainText, kSafeEcho, {}, std::move(token), false};
}

Reply unavailable_reply() {
    return Reply{503, {}, kRetryAfter, {}, {}, false};
}

Reply text_reply(unsigned status, std::string text) {
    return Reply{status, kPlainText, kSafe, {}, std::move(text), false};
}

}  // namespace graphhook::receiver
