#pragma once

#include "core/secret.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace graphhook::handlers {

/// When what failed is tried again.
struct RetryOptions {
    std::uint32_t attempts = 8;                      ///< Answers about the item itself, then dead.
    std::chrono::milliseconds first{1'000};          ///< Doubles with each, with full jitter …
    std::chrono::milliseconds longest{15 * 60'000};  ///< … up to this.
    /// A target that cannot be reached uses up no attempts; after this age, and at least three
    /// tries, its deliveries die.
    std::chrono::milliseconds max_age = std::chrono::hours(72);
};

/// Which notifications a handler gets besides those of subscriptions that name it. Empty lists
/// match everything.
struct Route {
    std::vector<std::string> subscriptions, kinds, changes, tenants;
    bool lifecycle = false;  ///< Lifecycle notifications instead of changes; `changes` are then
                             ///< lifecycle events.
};

struct LogOptions {
    bool item = false;  ///< Show the item too.
};

struct FileOptions {
    std::string path;
    bool fsync = true;              ///< Before done.
    std::uint64_t rotate_size = 0;  ///< Bytes; 0: never.
    std::uint32_t rotate_keep = 10;
};

struct HttpOptions {
    std::string url;
    /// Signs each request: webhook-id, webhook-timestamp, webhook-signature (HMAC-SHA256, in the
    /// manner of Standard Webhooks); "whsec_…" is base64, anything else is taken as it is. Empty:
    /// unsigned.
    Secret secret;
    std::vector<std::pair<std::string, std::string>> headers;
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds timeout{20'000};
    std::string ca_file;
    std::size_t batch = 1;  ///< Deliveries a POST; above 1 the body is {"value": […]}.
};

/// How a request's body is coded on the wire (RFC 9110 8.4.1); Deflate is the zlib format.
enum class ContentCoding : std::uint8_t { Identity, Gzip, Deflate };

/// Each change becomes a user notification for the user whose resource changed. Texts are templates
/// (see handlers/user_notification/template.hpp).
struct UserNotificationOptions {
    std::string target_host_name;
    std::string title, body;  ///< Visual content, if there is a title.
    std::string raw;          ///< Raw content, if it is not empty.
    std::string group;
    /// Empty: made of the handler's name, the notification's number and its time of receipt.
    std::string app_notification_id;
    std::string priority;  ///< A template, too: "{data.importance}" is none, low or high.
    /// Both from the time of receipt, so that every attempt says the same. Zero: not said.
    std::chrono::milliseconds expires_after{0};
    std::chrono::milliseconds display_for{0};
    std::vector<std::string> platforms;
    struct Fallback {
        std::chrono::milliseconds after{60'000};
        std::string title, body;
    };
    std::optional<Fallback> fallback;
    std::string url;  ///< Empty: "{graph}/beta/me/notifications/" of the tenant's cloud.
    ContentCoding coding = ContentCoding::Identity;
    bool wrapped = false;  ///< In {"notification": …}, the form of early 2019.
    std::size_t most_content_bytes = 4'096;
    /// What becomes of a change whose user has no live UNSID.
    enum class WithoutUnsid : std::uint8_t { Dead, Skip };
    WithoutUnsid without_unsid = WithoutUnsid::Dead;
    std::chrono::milliseconds timeout{20'000};
};

/// One entry of `handlers:`.
struct HandlerOptions {
    std::string name;
    std::variant<LogOptions, FileOptions, HttpOptions, UserNotificationOptions> type;
    std::vector<Route> routes;
    RetryOptions retry;
    std::uint32_t workers = 1;
    bool resource_data = false;  ///< It wants the decrypted resource (Delivery::data).
};

}  // namespace graphhook::handlers
