#include "handlers/user_notification/reply.hpp"

#include "core/base64.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/time_text.hpp"
#include "handlers/envelope.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/url/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace graphhook::handlers {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr std::size_t kMostMessage = 300;
constexpr std::size_t kMostCode = 64;
constexpr std::size_t kMostId = 128;
constexpr std::size_t kMostLocation = 1'000;
constexpr std::size_t kMostClaims = 8u << 10;
/// innerError in innerError; nobody nests deeper.
constexpr int kDeepestError = 8;
/// So many bytes in a row that a message and what was sent have in common are a repetition.
constexpr std::size_t kTellingRun = 8;

/// Codes by which Graph and the identity platform speak of the token (protocol: error responses of
/// Microsoft Graph; RFC 6750 3.1), compared in any case.
constexpr std::array<std::string_view, 9> kAuthenticationCodes = {
    "InvalidAuthenticationToken",
    "ExpiredAuthenticationToken",
    "AuthenticationFailed",
    "AuthenticationError",
    "Unauthenticated",
    "CompactTokenParsingFailed",
    "TokenNotFound",
    "invalid_token",
    "insufficient_claims",
};

bool is_alphanumeric(char c) noexcept {
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
}

/// What the service says of itself in an error's body.
struct ErrorBody {
    std::vector<std::string> codes;  ///< From the outermost to the innermost.
    std::string message;
};

bool is_code(std::string_view text) noexcept {
    return !text.empty() && text.size() <= kMostCode && std::ranges::all_of(text, [](char c) {
        return is_alphanumeric(c) || c == '_' || c == '.' || c == '-';
    });
}

std::string_view string_in(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) return {};
    return value->get_string();
}

const json::object* inner_error(const json::object& error) {
    for (const std::string_view name : {"innerError", "innererror"}) {
        if (const auto* inner = error.if_contains(name)) return inner->if_object();
    }
    return nullptr;
}

ErrorBody error_in(const json::value& document) {
    ErrorBody read;
    const auto* body = document.if_object();
    const auto* error = body == nullptr ? nullptr : body->if_contains("error");
    if (error == nullptr) return read;
    if (const auto* code = error->if_string()) {  // OAuth's form
        if (is_code(*code)) read.codes.emplace_back(*code);
        read.message = string_in(*body, "error_description");
        return read;
    }
    const auto* level = error->if_object();
    if (level != nullptr) read.message = string_in(*level, "message");
    for (int depth = 0; level != nullptr && depth < kDeepestError; ++depth) {
        if (const auto code = string_in(*level, "code"); is_code(code))
            read.codes.emplace_back(code);
        level = inner_error(*level);
    }
    return read;
}

/// Whether `text` has `word` between what is no letter and no digit.
bool has_word(std::string_view text, std::string_view word) {
    for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
        const auto after = at + word.size();
        if ((at == 0 || !is_alphanumeric(text[at - 1])) &&
            (after == text.size() || !is_alphanumeric(text[after])))
            return true;
    }
    return false;
}

/// In any case of letters. May say yes where it is chance: then a message is missing, no more.
bool repeats(std::string_view message, std::span<const std::string_view> contents) {
    const auto said = lowered(message);
    for (const auto content : contents) {
        if (content.empty()) continue;
        const auto sent = lowered(content);
        if (sent.size() < kTellingRun) {
            if (has_word(said, sent)) return true;
            continue;
        }
        for (std::size_t at = 0; at + kTellingRun <= said.size(); ++at) {
            if (sent.find(std::string_view(said).substr(at, kTellingRun)) != std::string::npos)
                return true;
        }
    }
    return false;
}

bool names_bearer(std::string_view header) {
    return has_word(lowered(header), "bearer");
}

/// The value of the parameter `name`, outside of quotes.
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
    const auto skip = [&header](std::size_t at) {
        while (at < header.size() && (header[at] == ' ' || header[at] == '\t')) ++at;
        return at;
    };
    for (std::size_t at = 0; at < header.size();) {
        const auto begin = at;
        while (at < header.size() && (is_alphanumeric(header[at]) || header[at] == '_' ||
                                      header[at] == '-' || header[at] == '.'))
            ++at;
        const auto word = header.substr(begin, at - begin);
        const auto equals = skip(at);
        if (word.empty()) {
            ++at;
            continue;
        }
        if (equals >= header.size() || header[equals] != '=') continue;
        at = skip(equals + 1);
        std::string value;
        if (at < header.size() && header[at] == '"') {
            for (++at; at < header.size() && header[at] != '"'; ++at) {
                if (header[at] == '\\' && at + 1 < header.size()) ++at;
                value += header[at];
            }
            ++at;
        } else {
            const auto end = std::min(header.find_first_of(", \t", at), header.size());
            value = header.substr(at, end - at);
            at = end;
        }
        if (same_letters(word, name)) return value;
    }
    return std::nullopt;
}

/// Of a claims challenge, decoded; empty: there is none that can be used.
std::string claims_of(const HttpResponse& response) {
    for (const auto& [name, value] : response.headers) {
        if (name != "www-authenticate") continue;
        const auto written = parameter(value, "claims");
        if (!written || written->empty() || written->size() > kMostClaims) continue;
        auto claims = from_base64(*written);
        if (!claims) continue;
        boost::system::error_code bad;
        const auto document = json::parse(*claims, bad);
        if (!bad && document.is_object()) return std::move(*claims);
    }
    return {};
}

bool is_about_the_token(const HttpResponse& response, const ErrorBody& error) {
    for (const auto& [name, value] : response.headers) {
        if (name == "www-authenticate" && names_bearer(value)) return true;
    }
    return std::ranges::any_of(error.codes, [](const std::string& code) {
        return lowered(code).starts_with("aadsts") ||
               std::ranges::any_of(kAuthenticationCodes, [&](std::string_view known) {
                   return same_letters(known, code);
               });
    });
}

/// "HTTP 400 InvalidRequest: what it says; what it means".
std::string reason(
    int status, const ErrorBody& error, std::span<const std::string_view> contents,
    std::string_view meaning
) {
    auto text = fmt::format("HTTP {}", status);
    // The innermost says most, but Graph's of a 429 is only "429" again.
    const auto code = std::ranges::find_if(
        error.codes.rbegin(), error.codes.rend(),
        [&text](const std::string& one) { return !text.ends_with(one); }
    );
    if (code != error.codes.rend() && !repeats(*code, contents)) {
        text += ' ';
        text += *code;
    }
    // What is cut off is not looked at: it is not said either.
    const auto message = std::string_view(error.message).substr(0, kMostMessage);
    if (!message.empty() && !repeats(message, contents)) {
        text += ": ";
        text += for_log(message, kMostMessage);
    }
    if (!meaning.empty()) {
        if (text.ends_with('.')) text.pop_back();
        text += "; ";
        text += meaning;
    }
    return text;
}

std::optional<milliseconds> retry_after(const HttpResponse& response, SystemTime now) {
    const auto text = response.header("retry-after");
    if (!text) return std::nullopt;
    const auto wait = parse_retry_after(*text, now);
    if (wait.has_error()) return std::nullopt;
    return *wait;
}

// --- receipts

json::value parsed(const std::string& body) {
    boost::system::error_code bad;
    auto document = json::parse(body, bad);
    if (bad) return {};
    return document;
}

/// An id as services make them: no white space, no quotes; anything else is not kept, as it may be
/// content.
bool is_id(std::string_view text) noexcept {
    return !text.empty() && text.size() <= kMostId && std::ranges::all_of(text, [](char c) {
        return is_alphanumeric(c) || std::string_view("._:=+/|-").find(c) != std::string_view::npos;
    });
}

/// A URL or a path, without query and fragment, where secrets and content live; empty: it is none.
std::string location_of(const HttpResponse& response) {
    const auto header = response.header("location");
    if (!header) return {};
    const auto text = header->substr(0, header->find_first_of("?#"));
    if (text.size() > kMostLocation) return {};
    const auto read = boost::urls::parse_uri_reference(text);
    if (!read || read->has_userinfo()) return {};
    const bool whole =
        (read->scheme() == "https" || read->scheme() == "http") && !read->host().empty();
    const bool path = !read->has_scheme() && !read->has_authority() && text.starts_with('/');
    return whole || path ? std::string(text) : std::string();
}

void append_id(std::string& out, std::string_view name, std::string_view id) {
    if (!is_id(id)) return;
    out += fmt::format(",\"{}\":", name);
    append_json_string(out, id);
}

std::string receipt(const HttpResponse& response, const json::value& document) {
    auto out = fmt::format("{{\"status\":{}", response.status);
    if (const auto* body = document.if_object()) append_id(out, "id", string_in(*body, "id"));
    if (const auto location = location_of(response); !location.empty()) {
        out += ",\"location\":";
        append_json_string(out, location);
    }
    append_id(out, "requestId", response.header("request-id").value_or(""));
    append_id(out, "clientRequestId", response.header("client-request-id").value_or(""));
    out += '}';
    return out;
}

}  // namespace

std::string receipt_of(const HttpResponse& response) {
    return receipt(response, parsed(response.body));
}

NextStep next_step(
    const HttpResponse& response, std::span<const std::string_view> contents, SystemTime now
) {
    const auto document = parsed(response.body);
    const auto error = error_in(document);
    const auto why = [&](std::string_view meaning = {}) {
        return reason(response.status, error, contents, meaning);
    };
    const auto again = [&](std::string_view meaning = {}) {
        return Outcome::retry_target(why(meaning), retry_after(response, now));
    };
    NextStep step;
    switch (response.status) {
        case 200:
            if (!document.is_object())
                step.outcome = again("without a JSON object: it is not the notification service");
            break;
        case 201:
            break;
        case 400:
        case 410:
        case 413:
        case 422:
            step.outcome = Outcome::dead(why());
            break;
        case 401:
            if (is_about_the_token(response, error)) {
                step.new_token = true;
                step.claims = claims_of(response);
                step.outcome = again("the token was refused");
            } else {
                step.outcome =
                    Outcome::dead(why("not about the token: invalid data types in the notification")
                    );
            }
            break;
        case 403:
            step.claims = claims_of(response);
            if (!step.claims.empty()) {
                step.new_token = true;
                step.outcome = again("the token was refused: it lacks claims");
            } else {
                step.outcome =
                    Outcome::dead(why("the caller is blocked, or may not notify this user"));
            }
            break;
        case 405:
            step.outcome = Outcome::dead(why("the service takes no POST at this URL"));
            break;
        case 406:
            // The service's limits are each user's own (protocol: 100 posts in 5 minutes): one who
            // gets many must not keep all others waiting.
            step.outcome = Outcome::retry_recipient(
                why("throttled, or the service is busy"), retry_after(response, now)
            );
            break;
        case 415:
            step.outcome =
                Outcome::dead(why("the service does not take this content type or coding"));
            break;
        default:
            step.outcome = again();
    }
    step.outcome.receipt = receipt(response, document);
    return step;
}

}  // namespace graphhook::handlers
