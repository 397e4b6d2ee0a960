#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"
#include "subscriptions/options.hpp"

#include <boost/system/result.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace graphhook::subscriptions {

/// What to do next after Graph did not do what it was asked.
enum class Next : std::uint8_t {
    RetryLater,   ///< Out of reach, or trouble of its own: once more, with back-off.
    Throttled,    ///< The whole tenant waits until `retry_at` (or backs off, where there is none).
    Credentials,  ///< The token is refused or none is to be had: an operator must look.
    NotFound,     ///< Gone (or, on a create, its resource is not there).
    Conflict,     ///< Such a subscription exists: list, and look whose it is.
    Refused,      ///< Understood and declined: permission, quota, bad request. Slowly again.
    Handshake,    ///< Graph could not validate our URL: quickly again, a balancer may yet learn of
                  ///< us.
    Resync,       ///< A delta token that is no longer good: begin anew.
    Garbled,      ///< The answer is not one: redirect, HTML, missing or absurd fields.
    Aborted,      ///< We are stopping.
};
std::string_view to_string(Next next) noexcept;

struct GraphError {
    Next next = Next::RetryLater;
    int status = 0;                      ///< HTTP's; 0: there was no answer.
    std::string code;                    ///< Graph's own, the deepest that says something.
    std::string message;                 ///< For a human; made fit for a log line, bounded.
    std::string request_id;              ///< What Microsoft's support asks for.
    std::optional<SystemTime> retry_at;  ///< From Retry-After.
    std::string location;                ///< Resync: where to begin, if Graph said so.
    std::optional<std::chrono::minutes> longest_life;  ///< Where Graph named the limit we broke.
    /// There was no access token to ask with: every request of the tenant would meet the same.
    bool no_token = false;
    bool uncertain =
        false;  ///< It may have been done all the same: no answer, 5xx, or a garbled one.
};
/// Whether every other request of the tenant would meet the same.
[[nodiscard]] bool is_tenant_wide(const GraphError& error) noexcept;
/// "refused: 403 Forbidden: quota … (request-id 0c2f…)"
std::string to_string(const GraphError& error);
[[noreturn]] void throw_exception_from_error(
    const GraphError& error, const boost::source_location& where
);

template <class T>
using GraphResult = boost::system::result<T, GraphError>;

/// A subscription as Graph tells it.
struct GraphSubscription {
    std::string id;
    std::string resource;
    std::string changes;
    std::string notification_url;
    std::string lifecycle_url;
    SystemTime expires_at;
    std::string application_id;          ///< Whose it is; empty where Graph does not say.
    std::optional<Secret> client_state;  ///< Echoed on create and update only.
    /// encryptionCertificateId; empty where Graph does not say. The certificate itself may come
    /// back null and is not looked at.
    std::string certificate_id;
    std::optional<bool> include_resource_data;  ///< Absent: Graph does not say.
};

/// The certificate that resource data is encrypted with; nullptr: none.
using CertificatePtr = std::shared_ptr<const EncryptionCertificate>;

/// One page of a list.
struct ListPage {
    std::vector<GraphSubscription> subscriptions;
    std::string next_link;  ///< Empty: this was the last page.
};

struct CreateRequest {
    std::string resource;
    std::string changes;
    std::string notification_url;
    std::string lifecycle_url;
    SystemTime expires_at;
    Secret client_state;
    bool beta = false;
    bool immutable_ids = false;
    std::string query_options;   ///< notificationQueryOptions; empty: none.
    CertificatePtr certificate;  ///< With resource data, encrypted for this; nullptr: without.
};

/// Which version of the API a subscription is managed through.
enum class Api : std::uint8_t { V1, Beta };

/// The subscriptions API of one tenant. Threads: any; every call blocks until Graph answered or its
/// time is over, and ends early when `stop` is asked for. Nothing here retries, but for one more
/// try with a new token after a 401.
class Graph {
  public:
    virtual ~Graph() = default;
    [[nodiscard]] virtual GraphResult<GraphSubscription> create(
        const CreateRequest& request, std::stop_token stop
    ) = 0;
    /// All pages, or an error: never a part.
    [[nodiscard]] virtual GraphResult<std::vector<GraphSubscription>> list(
        Api api, std::stop_token stop
    ) = 0;
    /// The first page, or the one that `link` (a page's next_link, verbatim) leads to. A link that
    /// leads elsewhere is Next::Garbled and never followed.
    [[nodiscard]] virtual GraphResult<ListPage> list_page(
        Api api, const std::string& link, std::stop_token stop
    ) = 0;
    [[nodiscard]] virtual GraphResult<GraphSubscription> get(
        Api api, const std::string& id, std::stop_token stop
    ) = 0;
    /// PATCHes the expiry; what comes back says which one was granted.
    [[nodiscard]] virtual GraphResult<GraphSubscription> renew(
        Api api, const std::string& id, SystemTime expires_at, std::stop_token stop
    ) = 0;
    /// The same, and its notifications go to `notification_url` from now on; Graph tries that door
    /// first. `certificate`: as in move_key; nullptr: it stays.
    [[nodiscard]] virtual GraphResult<GraphSubscription> redirect(
        Api api, const std::string& id, SystemTime expires_at, const std::string& notification_url,
        const CertificatePtr& certificate, std::stop_token stop
    ) = 0;
    /// PATCHes the expiry and what resource data is encrypted with. Microsoft's page on updating
    /// does not list that, its page on rotating certificates does: `get` tells whether it was
    /// taken.
    [[nodiscard]] virtual GraphResult<GraphSubscription> move_key(
        Api api, const std::string& id, SystemTime expires_at, const CertificatePtr& certificate,
        std::stop_token stop
    ) = 0;
    [[nodiscard]] virtual GraphResult<std::monostate> reauthorize(
        Api api, const std::string& id, std::stop_token stop
    ) = 0;
    /// Gone already is a success.
    [[nodiscard]] virtual GraphResult<std::monostate> remove(
        Api api, const std::string& id, std::stop_token stop
    ) = 0;
};

}  // namespace graphhook::subscriptions
