#pragma once

#include "core/secret.hpp"

#include <chrono>
#include <cstdint>
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

/// One entry of `handlers:`.
struct HandlerOptions {
    std::string name;
    std::variant<LogOptions, FileOptions, HttpOptions> type;
    std::vector<Route> routes;
    RetryOptions retry;
    std::uint32_t workers = 1;
    bool resource_data = false;  ///< It wants the decrypted resource (Delivery::data).
};

}  // namespace graphhook::handlers
