#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/http_client.hpp"
#include "subscriptions/options.hpp"

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace graphhook::subscriptions {

struct LoginCallbacks {
    /// Tell the user to open `uri` and to enter `code` there, before `expires`. Both are fit for a
    /// terminal.
    std::function<void(const std::string& uri, const std::string& code, SystemTime expires)> show;
    /// Wait that long; false: the user gave up.
    std::function<bool(std::chrono::milliseconds)> wait;
};

struct LoginDone {
    std::string token_file;
    std::string scope;  ///< What was granted, as the platform says it.
    /// Asked for and not granted; may be fine where a wider permission covers it.
    std::vector<std::string> missing;
};

/// Signs a user in for `tenant`, whose credential must be a SignedInUser: the device authorization
/// grant (RFC 8628; Microsoft's page "OAuth 2.0 device authorization grant"). What comes of it is
/// durable in the tenant's token_file when it returns; a running `serve` takes it up by itself.
/// Blocks until the user is through with it. `http` should trust the tenant's cloud.ca_file.
///
/// Errc::BadInput: the tenant is not one to sign in to, or its file cannot be used. Errc::Refused:
/// the platform or the user said no, with what to do. Errc::NotFound: the code ran out.
/// Errc::Aborted: `stop`, or `wait` said so. Errc::Unreachable.
[[nodiscard]] Result<LoginDone> login(
    const Tenant& tenant, HttpClient& http, Clock& clock, const LoginCallbacks& callbacks,
    const std::stop_token& stop
);

}  // namespace graphhook::subscriptions
