#pragma once

#include "core/clock.hpp"
#include "emulator/api_error.hpp"
#include "emulator/caller.hpp"
#include "emulator/subscription.hpp"

#include <boost/json/value.hpp>
#include <boost/system/result.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace graphhook::emulator {

enum class ApiVersion { V1, Beta };

[[noreturn]] void throw_exception_from_error(
    const ApiError& error, const boost::source_location& where
);
template <class T>
using ApiResult = boost::system::result<T, ApiError>;

/// What the checks depend on besides the request.
struct RulePolicy {
    SystemTime now;
    /// Shorter lives are raised to this, silently (protocol 4.1, note 3).
    std::chrono::milliseconds shortest_life = std::chrono::minutes(45);
    /// http:// is taken for hosts on loopback.
    bool insecure_http = false;
};

/// Reads and checks the body of a create (protocol 4, 5.1, 5.8). The draft has no id and no
/// sequence yet.
[[nodiscard]] ApiResult<Subscription> check_create(
    const boost::json::value& body, const Caller& caller, ApiVersion version,
    const RulePolicy& policy
);

/// What resource data is to be encrypted with from now on.
struct CertificateChange {
    EncryptionCertificatePtr certificate;
    std::string id;
};

/// What an update asks for.
struct Update {
    std::optional<SystemTime> expires;
    std::optional<std::string> notification_url;
    std::optional<CertificateChange> certificate;
};

/// Reads and checks the body of an update (protocol 5.4, 7.6): expiry, URL, and the certificate
/// with its id; at least one of them.
[[nodiscard]] ApiResult<Update> check_update(
    const boost::json::value& body, const Subscription& subscription, const Caller& caller,
    const RulePolicy& policy
);

/// 403 unless the caller still has a role for the resource (protocol 5.6).
[[nodiscard]] std::optional<ApiError> check_roles(
    const Recognised& resource, const Caller& caller, std::string_view operation
);

ApiError not_found();

}  // namespace graphhook::emulator
