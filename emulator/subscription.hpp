#pragma once

#include "core/clock.hpp"
#include "core/secret.hpp"
#include "emulator/kinds.hpp"
#include "emulator/rich/encryption.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::emulator {

/// A subscription as Graph keeps it. Shared by the registry and by the notifications under way.
struct Subscription {
    std::string id;
    std::uint64_t sequence = 0;  ///< order of creation; pages go by it
    std::string tenant;
    std::string app;
    std::string user;  ///< the id of who was signed in when it was created; empty: nobody
    Recognised resource;
    std::string resource_text;  ///< as the caller wrote it
    std::string change_type;    ///< as the caller wrote it
    unsigned changes = 0;
    std::string notification_url;
    std::string lifecycle_url;  ///< empty: none
    Secret client_state;
    bool has_client_state = false;
    SystemTime expires;
    std::string tls_version = "v1_2";
    std::string query_options;  ///< empty: none
    /// With resource data: encrypted for this certificate (protocol 7); null if not `rich`.
    bool rich = false;
    EncryptionCertificatePtr certificate;
    std::string certificate_id;
    /// The properties of the resource that are wanted; empty: all.
    std::vector<std::string> select;
    std::string url_app;  ///< notificationUrlAppId; empty: none
    /// Its authorization ran out (protocol 6.2): changes are lost until it is renewed or
    /// reauthorized.
    bool paused = false;
    /// Changes were lost: a `missed` is due when the endpoint takes notifications again.
    bool missed_due = false;
};

using SubscriptionPtr = std::shared_ptr<Subscription>;

/// Only the reply to a create or an update repeats the client state and the certificate; a list or
/// a get says null (protocol 5.1).
enum class ClientStateIn { Reply, Null };
boost::json::object to_json(const Subscription& subscription, ClientStateIn client_state);

/// A random identifier of version 4.
std::string random_guid();
/// An identifier that is always the same for the same `name`.
std::string guid_of(std::string_view name);

}  // namespace graphhook::emulator
