#pragma once

#include "core/error.hpp"
#include "core/secret.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graphhook {

struct HttpRequest {
    std::string method = "GET";
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    /// Sent as "Authorization: Bearer …"; kept apart so that it is never logged.
    Secret bearer;
    std::string body;
    /// Instead of the client's `timeout`; zero: that one.
    std::chrono::milliseconds timeout{0};
};

struct HttpResponse {
    int status = 0;
    /// Names in lower case.
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    /// The first of that (lower-case) name.
    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
};

struct HttpClientOptions {
    std::chrono::milliseconds connect_timeout{10'000};
    /// From the first byte out to the last byte in.
    std::chrono::milliseconds timeout{30'000};
    /// PEM file of the authorities to trust instead of the system's; empty: the system's.
    std::string ca_file;
    /// More than this in a body ends the request with Errc::Full.
    std::size_t max_response_bytes = 16u << 20;
    /// Read over what is beyond instead: for callers that only look at the status.
    bool cut_long_responses = false;
    /// How many idle connections are kept for reuse.
    long max_idle_connections = 8;
    /// Whether the proxy variables of the environment are obeyed: not for what is on the link only.
    bool use_proxy = true;
    std::string user_agent = "graphhook";
};

/// Outbound HTTP and HTTPS. Redirects are never followed; certificates and host names are always
/// verified; the proxy variables of the environment (HTTPS_PROXY, NO_PROXY) are obeyed. Connections
/// are reused. Threads: any; `send` blocks its caller, so never on a network thread.
class HttpClient {
  public:
    virtual ~HttpClient() = default;
    /// Any HTTP status is a success here. Errc::Unreachable: no connection, TLS trouble or no
    /// answer in time, with curl's reason. Errc::Aborted: `stop` was asked for meanwhile (noticed
    /// within a second). Errc::Full: the body was too large.
    [[nodiscard]] virtual Result<HttpResponse> send(
        const HttpRequest& request, std::stop_token stop
    ) = 0;
};

std::unique_ptr<HttpClient> make_http_client(HttpClientOptions options);

/// application/x-www-form-urlencoded, and safe in a path segment too: everything but unreserved
/// characters as %XX.
std::string percent_encode(std::string_view text);

}  // namespace graphhook
