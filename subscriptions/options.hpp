#pragma once

#include "core/clock.hpp"
#include "core/secret.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace graphhook::subscriptions {

/// Where Graph and the identity platform are. `global`, `us-gov`, `us-gov-dod` and `china` by name,
/// or given one by one.
struct Cloud {
    std::string graph = "https://graph.microsoft.com";
    std::string login = "https://login.microsoftonline.com";
    std::string ca_file;  ///< Empty: the system's authorities.
};

// --- How an application proves itself; one of these.

struct ClientSecret {
    Secret secret;
};
/// A certificate registered with the application; assertions are signed with its key. Files are
/// read anew when they change.
struct ClientCertificate {
    std::string certificate_file;  ///< PEM.
    std::string private_key_file;  ///< PEM; empty: in the certificate's file.
    enum class Algorithm : std::uint8_t { PS256, RS256 };
    /// RS256 goes with the older x5t header.
    Algorithm algorithm = Algorithm::PS256;
};
/// A token of another issuer that the application trusts, in a file that is read on every use.
struct FederatedToken {
    std::string token_file;
};
/// The machine's own identity: IMDS, or where IDENTITY_ENDPOINT and IDENTITY_HEADER are set, the
/// App Service endpoint.
struct ManagedIdentity {
    std::string client_id, object_id, resource_id;  ///< At most one: which, of several.
    /// Instead of "http://169.254.169.254".
    std::string imds = "http://169.254.169.254";
    std::string endpoint;  ///< IDENTITY_ENDPOINT; empty: IMDS.
    Secret header;         ///< IDENTITY_HEADER.
};
/// A signed-in user, by a refresh token that `graphhook login` put into a file; replaced there with
/// every new one.
struct SignedInUser {
    std::string token_file;
    std::vector<std::string>
        scopes;  ///< Permissions such as "Mail.Read"; empty: those of the login.
    /// Of a confidential client; at most one.
    std::optional<ClientSecret> secret;
    std::optional<ClientCertificate> certificate;
};
using Credential =
    std::variant<ClientSecret, ClientCertificate, FederatedToken, ManagedIdentity, SignedInUser>;

/// One entry of `tenants:`.
struct Tenant {
    std::string name;
    std::string tenant_id;
    std::string client_id;
    Cloud cloud;
    Credential credential;
    /// Requests about subscriptions under way at once.
    std::size_t requests = 8;
    /// Sweeps, polls and expansions of templates under way at once.
    std::size_t sweeps = 2;

    /// Whether its tokens are a signed-in user's, not the application's own.
    [[nodiscard]] bool delegated() const noexcept {
        return std::holds_alternative<SignedInUser>(credential);
    }
    /// Whether that user has a personal account.
    [[nodiscard]] bool personal() const noexcept {
        return tenant_id == "9188040d-6c67-4c5b-b112-36a304b66dad";
    }
};

/// One entry of `subscriptions:`.
struct WantedSubscription {
    std::string name;
    std::string tenant;    ///< Configured name.
    std::string resource;  ///< As Graph takes it, without base URL and version. Of a template with
                           ///< variables: {id}, {userPrincipalName}.
    std::vector<std::string> changes;
    std::vector<std::string> handlers;
    std::string kind;                          ///< Empty: recognised from the resource.
    bool beta = false;                         ///< Managed through /beta.
    std::optional<std::chrono::minutes> life;  ///< Instead of the catalog's longest.
    bool immutable_ids = true;                 ///< Outlook only: Prefer: IdType="ImmutableId".
    std::string query_options;                 ///< notificationQueryOptions.
    bool resource_data = false;                ///< Rich: items carry the resource, encrypted.

    // A template: one subscription for each element of a collection.
    std::string for_each;  ///< The collection's path; empty: no template.
    std::string filter;    ///< $filter of the collection.

    /// Poll: nothing is subscribed, Graph is asked every `poll_every`.
    enum class Way : std::uint8_t { Subscribe, Poll };
    Way way = Way::Subscribe;
    std::chrono::milliseconds poll_every = std::chrono::minutes(5);

    // Completeness.
    bool sync = false;         ///< `sync: delta`
    bool initial_all = false;  ///< `initial: all`: the first round hands over all there is.
    std::chrono::milliseconds sweep_every = std::chrono::hours(24);
    /// Silent for longer: swept. Absent: as usual for the kind (see catalog); zero: never.
    std::optional<std::chrono::milliseconds> silence;

    /// A file with the client state of another receiver, whose subscription is to be taken over.
    std::string client_state_file;
    Secret client_state;  ///< What is in it.

    [[nodiscard]] bool is_template() const noexcept { return !for_each.empty(); }
};

/// What Graph is to encrypt resource data with.
struct EncryptionCertificate {
    std::string id;          ///< At most 128 characters; comes back in each item.
    std::string der_base64;  ///< The certificate, one line.
    SystemTime not_after;
};

/// `subscriptions` as a whole: what the manager needs to know.
struct SubscriptionsOptions {
    std::string notification_url;  ///< {public_url}/notifications
    std::string lifecycle_url;     ///< {public_url}/lifecycle
    std::vector<Tenant> tenants;
    std::vector<WantedSubscription> wanted;
    std::chrono::milliseconds reconcile_every = std::chrono::minutes(15);
    std::chrono::milliseconds list_every = std::chrono::hours(4);
    /// How often the collections of templates are read anew.
    std::chrono::milliseconds expand_every = std::chrono::hours(1);
    std::chrono::milliseconds removal_grace = std::chrono::minutes(15);
    std::chrono::milliseconds remember_retired =
        std::chrono::hours(5);  ///< Graph's retry horizon of 4 h and a margin.
    std::chrono::milliseconds request_timeout{30'000};
};

}  // namespace graphhook::subscriptions
