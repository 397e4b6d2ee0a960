#include "app/config/keys.hpp"

#include <algorithm>
#include <array>

namespace graphhook::app {
namespace {

using enum Type;
constexpr auto kOptional = Need::Optional;
constexpr auto kRequired = Need::Required;
constexpr auto kImplied = Need::Implied;
constexpr auto kReload = Change::Reload;
constexpr auto kRestart = Change::Restart;

constexpr std::uint64_t kSecond = 1'000;
constexpr std::uint64_t kMinute = 60 * kSecond;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kDay = 24 * kHour;
constexpr std::uint64_t kKiB = 1ULL << 10;
constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr std::uint64_t kGiB = 1ULL << 30;
constexpr std::uint64_t kTiB = 1ULL << 40;

// path, type, need, change, default, least, most, alternatives, only, meaning: a line each, so that
// it reads as the table that it is.
// clang-format off
constexpr std::array kKeys = {
    Key{"receiver", Section, kImplied, kRestart, "", 0, 0, "", "", "The listener that Graph calls."},
    Key{"receiver.listen", Listen, kOptional, kRestart, "0.0.0.0:8443", 0, 0, "", "", "Where to listen: `address:port`, `[v6]:port` or `unix:/path`."},
    Key{"receiver.public_url", HttpsUrl, kRequired, kRestart, "", 0, 0, "", "", "What Graph calls; `/notifications` and `/lifecycle` are added to it."},
    Key{"receiver.base_path", UrlPath, kOptional, kRestart, "", 0, 0, "", "", "The path that reaches us where a proxy rewrites it. Default: the path of `public_url`."},
    Key{"receiver.tls", Section, kOptional, kRestart, "", 0, 0, "", "", "Our own TLS. May be omitted on loopback and unix sockets only, where a balancer ends it."},
    Key{"receiver.tls.certificate", ReadFile, kRequired, kReload, "", 0, 0, "", "", "PEM file: the leaf first, then its whole chain. Taken up when the file changes."},
    Key{"receiver.tls.private_key", ReadFile, kRequired, kReload, "", 0, 0, "", "", "PEM file. Taken up when the file changes, as a pair with the certificate."},
    Key{"receiver.tls.min_version", Choice, kOptional, kReload, "1.2", 0, 0, "1.2|1.3", "", "The oldest version of TLS to speak."},
    Key{"receiver.proxy_protocol", Flag, kOptional, kRestart, "off", 0, 0, "", "", "PROXY protocol v1 and v2 before TLS, from `trusted_proxies` only."},
    Key{"receiver.trusted_proxies", Networks, kOptional, kReload, "", 0, 0, "", "", "Networks whose word about the source of a connection is taken."},
    Key{"receiver.drain_delay", Duration, kOptional, kRestart, "10s", 0, 10 * kMinute, "", "", "After SIGTERM: how long readiness fails before the listener closes."},
    Key{"receiver.threads", Integer, kOptional, kRestart, "0", 0, 256, "", "", "Network threads; 0: one for each processor that we may use."},
    Key{"receiver.limits", Section, kImplied, kReload, "", 0, 0, "", "", "The most that strangers may take."},
    Key{"receiver.limits.header_bytes", Size, kOptional, kReload, "16KiB", 1 * kKiB, 1 * kMiB, "", "", "A request's header; beyond: 431."},
    Key{"receiver.limits.body_bytes", Size, kOptional, kReload, "4MiB", 64 * kKiB, 256 * kMiB, "", "", "A request's body; beyond: 413."},
    Key{"receiver.limits.items", Integer, kOptional, kRestart, "2000", 1, 100'000, "", "", "Items in one body; beyond: 413."},
    Key{"receiver.limits.json_depth", Integer, kOptional, kRestart, "32", 4, 512, "", "", "Nesting of a body; beyond: 400."},
    Key{"receiver.limits.bodies_in_flight_bytes", Size, kOptional, kReload, "64MiB", 1 * kMiB, 16 * kGiB, "", "", "Bodies held at once over all connections; beyond: 503."},
    Key{"receiver.limits.offload_bytes", Size, kOptional, kReload, "64KiB", 1 * kKiB, 256 * kMiB, "", "", "Larger bodies are parsed off the network threads."},
    Key{"receiver.limits.connections", Integer, kOptional, kReload, "10000", 1, 1'000'000, "", "", "Connections at once; beyond: closed at once and counted."},
    Key{"receiver.limits.idle", Duration, kOptional, kReload, "60s", 1 * kSecond, 1 * kHour, "", "", "How long a connection may wait for its next request."},
    Key{"receiver.limits.handshake_timeout", Duration, kOptional, kReload, "10s", 100, 10 * kMinute, "", "", "The TLS handshake."},
    Key{"receiver.limits.header_timeout", Duration, kOptional, kReload, "10s", 100, 10 * kMinute, "", "", "From a request's first byte to the end of its header."},
    Key{"receiver.limits.body_timeout", Duration, kOptional, kReload, "10s", 100, 10 * kMinute, "", "", "From the end of the header to the end of the body."},
    Key{"receiver.limits.write_timeout", Duration, kOptional, kReload, "10s", 100, 10 * kMinute, "", "", "Sending a reply."},

    Key{"admin", Section, kImplied, kRestart, "", 0, 0, "", "", "Metrics, health and what the command line calls."},
    Key{"admin.listen", Listen, kOptional, kRestart, "127.0.0.1:9464", 0, 0, "", "", "Where to listen over TCP; `\"\"`: nowhere."},
    Key{"admin.socket", Path, kOptional, kRestart, "/run/graphhook/admin.sock", 0, 0, "", "", "The Unix socket (mode 0660) of the command line; `\"\"`: none."},
    Key{"admin.tokens_file", ReadFile, kOptional, kRestart, "", 0, 0, "", "", "Lines `read:TOKEN` and `repair:TOKEN`. Without it nothing below /api is served over TCP. Its content is taken up when the file changes."},
    Key{"admin.hosts", Texts, kOptional, kRestart, "", 0, 0, "", "", "Names that a Host header may carry over TCP, beside those of loopback and of `listen`."},
    Key{"admin.tls", Section, kOptional, kRestart, "", 0, 0, "", "", "TLS of the admin listener; required off loopback."},
    Key{"admin.tls.certificate", ReadFile, kRequired, kRestart, "", 0, 0, "", "", "PEM file: the leaf first, then its whole chain. Taken up when the file changes."},
    Key{"admin.tls.private_key", ReadFile, kRequired, kRestart, "", 0, 0, "", "", "PEM file."},
    Key{"admin.tls.min_version", Choice, kOptional, kRestart, "1.2", 0, 0, "1.2|1.3", "", "The oldest version of TLS to speak."},

    Key{"store", Section, kImplied, kRestart, "", 0, 0, "", "", "What survives a restart."},
    Key{"store.url", Store, kOptional, kRestart, "sqlite:/var/lib/graphhook/graphhook.db", 0, 0, "", "", "`sqlite:/path/to/file`, on a local file system."},
    Key{"store.retain", Duration, kOptional, kRestart, "72h", 0, 365 * kDay, "", "", "How long done notifications stay, for `deliveries show` and replay."},
    Key{"store.retain_bytes", Size, kOptional, kRestart, "2GiB", 1 * kMiB, 64 * kTiB, "", "", "Above this size of the database done notifications go before their time."},
    Key{"store.reserve", Size, kOptional, kRestart, "1GiB", 0, 64 * kTiB, "", "", "Free space of the file system below which Graph is answered 503."},
    Key{"store.max_waiting", Integer, kOptional, kRestart, "50000000", 1, 1'000'000'000, "", "", "Notifications waiting above which Graph is answered 503."},
    Key{"store.repeat_window", Duration, kOptional, kRestart, "4h", 1 * kMinute, 7 * kDay, "", "", "How long a notification is remembered to recognise its repeat. Graph retries for 4 h."},
    Key{"store.repeat_keys", Integer, kOptional, kRestart, "2000000", 0, 100'000'000, "", "", "How many are remembered at most (48 bytes of memory each)."},
    Key{"store.version_window", Duration, kOptional, kRestart, "26h", 1 * kHour, 30 * kDay, "", "", "How long the last version of each object of a swept subscription is remembered, so that a sweep does not hand it over again. Longer than `sweep_every`."},
    Key{"store.quarantine_items", Integer, kOptional, kRestart, "10000", 1, 1'000'000, "", "", "Deliveries kept in the quarantine at most; the oldest go first."},
    Key{"store.quarantine_retain", Duration, kOptional, kRestart, "7d", 1 * kHour, 365 * kDay, "", "", "How long they are kept there."},
    Key{"store.wal_bytes", Size, kOptional, kRestart, "64MiB", 4 * kMiB, 16 * kGiB, "", "", "The write-ahead log is kept below this."},

    Key{"reconcile", Section, kImplied, kRestart, "", 0, 0, "", "", "How often subscriptions are looked after."},
    Key{"reconcile.every", Duration, kOptional, kRestart, "15m", 1 * kSecond, 1 * kDay, "", "", "How often wanted and known subscriptions are compared."},
    Key{"reconcile.list_every", Duration, kOptional, kRestart, "4h", 1 * kSecond, 7 * kDay, "", "", "How often Graph is asked for its list of subscriptions."},
    Key{"reconcile.expand_every", Duration, kOptional, kRestart, "1h", 10 * kSecond, 7 * kDay, "", "", "How often the collections of templates (`for_each`) are read anew."},
    Key{"reconcile.removal_grace", Duration, kOptional, kRestart, "15m", 0, 7 * kDay, "", "", "How long a subscription that is no longer wanted is kept before it is removed."},
    Key{"reconcile.request_timeout", Duration, kOptional, kRestart, "30s", 1 * kSecond, 10 * kMinute, "", "", "One request to Graph or the identity platform."},

    Key{"keys", Section, kImplied, kRestart, "", 0, 0, "", "", "What decrypts resource data."},
    Key{"keys.folder", Path, kOptional, kRestart, "/var/lib/graphhook/keys", 0, 0, "", "", "The folder of encryption keys, with no rights for others (0700 or 0750). What changes in it is taken up."},
    Key{"keys.passphrase", Secret, kOptional, kRestart, "", 0, 0, "", "", "Opens PKCS#12 files in it. Prefer the file."},
    Key{"keys.passphrase_file", SecretFile, kOptional, kRestart, "", 0, 0, "", "", "A file that holds the passphrase."},
    Key{"keys.retire_after", Duration, kOptional, kRestart, "7d", 4 * kHour, 365 * kDay, "", "", "How long after its last use a key that another has replaced is retired."},
    Key{"keys.threads", Integer, kOptional, kRestart, "0", 0, 256, "", "", "Threads that decrypt; 0: one for each processor that we may use."},

    Key{"unsids", Section, kImplied, kRestart, "", 0, 0, "", "", "Where client apps hand in the UNSIDs of their users, for handlers of type `user_notification`."},
    Key{"unsids.enabled", Flag, kOptional, kRestart, "false", 0, 0, "", "", "Serve `/unsids` below `public_url`."},
    Key{"unsids.scope", Text, kOptional, kRestart, "", 0, 0, "", "", "The permission that an access token has to carry in `scp`, such as `Unsids.Register`; `\"\"`: any. An app's own token, which has none, is never taken."},

    Key{"tenants", Named, kOptional, kReload, "", 0, 0, "", "", "The tenants, by a name of your own."},
    Key{"tenants.*", Section, kOptional, kReload, "", 0, 0, "", "", "One tenant and the application registered in it."},
    Key{"tenants.*.tenant_id", Uuid, kRequired, kReload, "", 0, 0, "", "", "The directory (tenant) ID. Of personal accounts: 9188040d-6c67-4c5b-b112-36a304b66dad, with `refresh_token_file`."},
    Key{"tenants.*.client_id", Uuid, kRequired, kReload, "", 0, 0, "", "", "The application (client) ID."},
    Key{"tenants.*.cloud", Cloud, kOptional, kReload, "global", 0, 0, "global|us-gov|us-gov-dod|china", "", "The national cloud: a name, or `graph` and `login` one by one."},
    Key{"tenants.*.cloud.graph", HttpsUrl, kRequired, kReload, "", 0, 0, "", "", "Base of Graph, without a version."},
    Key{"tenants.*.cloud.login", HttpsUrl, kRequired, kReload, "", 0, 0, "", "", "Base of the identity platform."},
    Key{"tenants.*.cloud.ca_file", ReadFile, kOptional, kReload, "", 0, 0, "", "", "PEM file of the authorities to trust for both. Default: the system's."},
    Key{"tenants.*.credential", Section, kRequired, kReload, "", 0, 0, "", "", "How the application proves itself: exactly one of a client secret, a certificate, a federated token, a managed identity, or a signed-in user's refresh token."},
    Key{"tenants.*.credential.client_secret", Secret, kOptional, kReload, "", 0, 0, "", "", "The client secret. Prefer the file."},
    Key{"tenants.*.credential.client_secret_file", SecretFile, kOptional, kReload, "", 0, 0, "", "", "A file that holds the client secret."},
    Key{"tenants.*.credential.certificate", ReadFile, kOptional, kReload, "", 0, 0, "", "", "PEM file: the certificate registered with the application. Taken up when the file changes."},
    Key{"tenants.*.credential.private_key", ReadFile, kOptional, kReload, "", 0, 0, "", "", "PEM file: the certificate's key. Default: in the certificate's file."},
    Key{"tenants.*.credential.algorithm", Choice, kOptional, kReload, "", 0, 0, "PS256|RS256", "", "How assertions are signed with that key. Default: PS256; `RS256` is the older form."},
    Key{"tenants.*.credential.federated_token_file", ReadFile, kOptional, kReload, "", 0, 0, "", "", "A file with a token of an issuer that the application trusts (workload identity federation). Read on every use."},
    Key{"tenants.*.credential.managed_identity", Section, kOptional, kReload, "", 0, 0, "", "", "The machine's own identity in Azure; `{}` where it has only one. Where IDENTITY_ENDPOINT and IDENTITY_HEADER are set, they are used."},
    Key{"tenants.*.credential.managed_identity.client_id", Uuid, kOptional, kReload, "", 0, 0, "", "", "Which of several, by its client ID."},
    Key{"tenants.*.credential.managed_identity.object_id", Uuid, kOptional, kReload, "", 0, 0, "", "", "Which of several, by its object ID."},
    Key{"tenants.*.credential.managed_identity.resource_id", Text, kOptional, kReload, "", 0, 0, "", "", "Which of several, by its Azure resource ID."},
    Key{"tenants.*.credential.managed_identity.imds", HttpUrl, kOptional, kReload, "http://169.254.169.254", 0, 0, "", "", "Where the machine's metadata service is."},
    Key{"tenants.*.credential.refresh_token_file", Path, kOptional, kReload, "", 0, 0, "", "", "A signed-in user's refresh token: `graphhook login` writes the file, and every new token replaces it. A client secret or a certificate beside it is that of a confidential client."},
    Key{"tenants.*.credential.scopes", Texts, kOptional, kReload, "", 0, 0, "", "", "Permissions to ask for on behalf of the signed-in user, such as Mail.Read. Default: those of the login."},
    Key{"tenants.*.requests", Integer, kOptional, kReload, "8", 1, 64, "", "", "Requests about subscriptions under way at once."},
    Key{"tenants.*.sweeps", Integer, kOptional, kReload, "2", 1, 64, "", "", "Sweeps, polls and readings of collections under way at once."},

    Key{"subscriptions", Named, kOptional, kReload, "", 0, 0, "", "", "The subscriptions wanted, by a name of your own."},
    Key{"subscriptions.*", Section, kOptional, kReload, "", 0, 0, "", "", "One subscription."},
    Key{"subscriptions.*.tenant", Text, kRequired, kReload, "", 0, 0, "", "", "A name below `tenants`."},
    Key{"subscriptions.*.resource", Text, kRequired, kReload, "", 0, 0, "", "", "What to watch, as Graph takes it, without host and version. With `for_each` it holds `{id}` or `{userPrincipalName}`."},
    Key{"subscriptions.*.changes", Choices, kRequired, kReload, "", 0, 0, "created|updated|deleted", "", "The changes to be told of."},
    Key{"subscriptions.*.handlers", Texts, kOptional, kReload, "", 0, 0, "", "", "Names below `handlers`; each gets every notification of this subscription."},
    Key{"subscriptions.*.kind", Text, kOptional, kReload, "", 0, 0, "", "", "The kind of resource where it can not be recognised from `resource`."},
    Key{"subscriptions.*.beta", Flag, kOptional, kReload, "false", 0, 0, "", "", "Managed through Graph's /beta."},
    Key{"subscriptions.*.life", Duration, kOptional, kReload, "", 45 * kMinute, 365 * kDay, "", "", "How long it is asked for each time. Default: the longest that Graph grants the kind."},
    Key{"subscriptions.*.immutable_ids", Flag, kOptional, kReload, "true", 0, 0, "", "", "Ask Outlook for ids that stay the same when an item is moved."},
    Key{"subscriptions.*.resource_data", Flag, kOptional, kReload, "false", 0, 0, "", "", "Graph sends the changed resource too, encrypted with a key of `keys.folder`."},
    Key{"subscriptions.*.for_each", Text, kOptional, kReload, "", 0, 0, "", "", "A collection, such as `users` or `groups/{id}/transitiveMembers`: one subscription for each of its elements."},
    Key{"subscriptions.*.filter", Text, kOptional, kReload, "", 0, 0, "", "", "`$filter` of that collection."},
    Key{"subscriptions.*.source", Choice, kOptional, kReload, "notifications", 0, 0, "notifications|poll", "", "`poll`: nothing is subscribed; Graph is asked every `poll_every` instead, for kinds without notifications."},
    Key{"subscriptions.*.poll_every", Duration, kOptional, kReload, "5m", 10 * kSecond, 1 * kDay, "", "", "How often to ask, with `source: poll`."},
    Key{"subscriptions.*.sync", Choice, kOptional, kReload, "off", 0, 0, "off|delta", "", "`delta`: Graph is asked again for what it did not tell. For drives and lists each changed item is handed over."},
    Key{"subscriptions.*.initial", Choice, kOptional, kReload, "none", 0, 0, "none|all", "", "`all`: the first round hands over everything that is there; `none`: it only notes where it stands."},
    Key{"subscriptions.*.sweep_every", Duration, kOptional, kReload, "24h", 1 * kMinute, 30 * kDay, "", "", "With `sync: delta`: how often it is swept without a reason."},
    Key{"subscriptions.*.silence", Duration, kOptional, kReload, "", 0, 365 * kDay, "", "", "With `sync: delta`: it is swept when nothing arrived for so long. Default: as usual for the kind; `0s`: never for that."},
    Key{"subscriptions.*.query_options", Text, kOptional, kReload, "", 0, 0, "", "", "`notificationQueryOptions`, for the kinds that want them."},
    Key{"subscriptions.*.client_state_file", SecretFile, kOptional, kReload, "", 0, 0, "", "", "A file with the client state of another receiver: its subscription with our URL, resource and changes is taken over. Not for templates."},

    Key{"handlers", Named, kOptional, kReload, "", 0, 0, "", "", "Who gets the notifications, by a name of your own."},
    Key{"handlers.*", Section, kOptional, kReload, "", 0, 0, "", "", "One handler."},
    Key{"handlers.*.type", Choice, kRequired, kReload, "", 0, 0, "log|file|http|user_notification", "", "What it does with them."},
    Key{"handlers.*.routes", Items, kOptional, kReload, "", 0, 0, "", "", "Notifications it gets besides those of subscriptions that name it: all that fit any of these."},
    Key{"handlers.*.routes[].subscriptions", Texts, kOptional, kReload, "", 0, 0, "", "", "Of these subscriptions. Default: any."},
    Key{"handlers.*.routes[].kinds", Texts, kOptional, kReload, "", 0, 0, "", "", "Of these kinds. Default: any."},
    Key{"handlers.*.routes[].changes", Texts, kOptional, kReload, "", 0, 0, "", "", "Of these changes or, with `lifecycle`, events. Default: any."},
    Key{"handlers.*.routes[].tenants", Texts, kOptional, kReload, "", 0, 0, "", "", "Of these tenants. Default: any."},
    Key{"handlers.*.routes[].lifecycle", Flag, kOptional, kReload, "false", 0, 0, "", "", "Lifecycle notifications instead of changes."},
    Key{"handlers.*.retry", Section, kImplied, kReload, "", 0, 0, "", "", "When what failed is tried again."},
    Key{"handlers.*.retry.attempts", Integer, kOptional, kReload, "8", 1, 1'000, "", "", "Answers about the item itself before it goes to the dead letters."},
    Key{"handlers.*.retry.first", Duration, kOptional, kReload, "1s", 10, 1 * kDay, "", "", "The first wait; doubles each time, with jitter."},
    Key{"handlers.*.retry.longest", Duration, kOptional, kReload, "15m", 10, 7 * kDay, "", "", "The longest wait."},
    Key{"handlers.*.retry.max_age", Duration, kOptional, kReload, "72h", 1 * kMinute, 365 * kDay, "", "", "How long an unreachable target is tried, and at least three times."},
    Key{"handlers.*.workers", Integer, kOptional, kReload, "1", 1, 64, "", "", "Threads that call it at once; one resource is never in two of them."},
    Key{"handlers.*.resource_data", Flag, kOptional, kReload, "false", 0, 0, "", "http|file|user_notification", "Hand over the decrypted resource, where the subscription has `resource_data`."},
    Key{"handlers.*.item", Flag, kOptional, kReload, "false", 0, 0, "", "log", "Show the item too, not only what it is about."},
    Key{"handlers.*.path", Path, kRequired, kReload, "", 0, 0, "", "file", "The file to append to, one JSON object a line."},
    Key{"handlers.*.fsync", Flag, kOptional, kReload, "true", 0, 0, "", "file", "Done only when it is on the disk."},
    Key{"handlers.*.rotate", Section, kOptional, kReload, "", 0, 0, "", "file", "When a new file is begun. Default: never."},
    Key{"handlers.*.rotate.size", Size, kRequired, kReload, "", 1 * kKiB, 64 * kTiB, "", "file", "Above this size."},
    Key{"handlers.*.rotate.keep", Integer, kOptional, kReload, "10", 1, 10'000, "", "file", "How many full ones are kept; the oldest goes."},
    Key{"handlers.*.url", HttpUrl, kRequired, kReload, "", 0, 0, "", "http", "Where to POST to."},
    Key{"handlers.*.url", HttpUrl, kOptional, kReload, "", 0, 0, "", "user_notification", "Where to POST to. Default: `/beta/me/notifications/` at Graph of the tenant's cloud; Microsoft's own was retired in January 2022."},
    Key{"handlers.*.secret", Secret, kOptional, kReload, "", 0, 0, "", "http", "Signs each request (`X-Graphhook-Signature`). Prefer the file."},
    Key{"handlers.*.secret_file", SecretFile, kOptional, kReload, "", 0, 0, "", "http", "A file that holds the secret."},
    Key{"handlers.*.headers", Headers, kOptional, kReload, "", 0, 0, "", "http", "More headers to send, by name. Their values are treated as secrets."},
    Key{"handlers.*.connect_timeout", Duration, kOptional, kReload, "5s", 100, 10 * kMinute, "", "http", "Connecting, TLS included."},
    Key{"handlers.*.timeout", Duration, kOptional, kReload, "20s", 100, 1 * kHour, "", "http|user_notification", "The whole exchange; for `user_notification` at most 10m."},
    Key{"handlers.*.ca_file", ReadFile, kOptional, kReload, "", 0, 0, "", "http", "PEM file of the authorities to trust. Default: the system's."},
    Key{"handlers.*.batch", Integer, kOptional, kReload, "1", 1, 1'000, "", "http", "Deliveries in one POST; above 1 the body is a JSON array."},
    Key{"handlers.*.target_host_name", Text, kRequired, kReload, "", 0, 0, "", "user_notification", "The domain that is registered for the cross-device app, without a scheme."},
    Key{"handlers.*.title", Text, kOptional, kReload, "", 0, 0, "", "user_notification", "Template of the visible title. Either it or `raw` is needed; both may be given."},
    Key{"handlers.*.body", Text, kOptional, kReload, "", 0, 0, "", "user_notification", "Template of the text below the title."},
    Key{"handlers.*.raw", Text, kOptional, kReload, "", 0, 0, "", "user_notification", "Template of the raw content, which the app itself handles; `{path!json}` puts a JSON value into it."},
    Key{"handlers.*.group", Text, kOptional, kReload, "", 0, 0, "", "user_notification", "Template of the group's name."},
    Key{"handlers.*.app_notification_id", Text, kOptional, kReload, "", 0, 0, "", "user_notification", "Template of the app's own id, which every attempt carries. Default: made of the handler's name, the notification's number and its time of receipt."},
    Key{"handlers.*.priority", Text, kOptional, kReload, "", 0, 0, "", "user_notification", "Template of the priority: `none`, `low` or `high`; `normal`, which Graph says of a mail, stands for nothing said. Default: not said."},
    Key{"handlers.*.expires_after", Duration, kOptional, kReload, "", 1 * kSecond, 30 * kDay, "", "user_notification", "How long it lives, from the time of receipt. Default: not said, which the service takes for 7 days."},
    Key{"handlers.*.display_for", Duration, kOptional, kReload, "", 1 * kSecond, 30 * kDay, "", "user_notification", "How long a device may show it. Default: not said."},
    Key{"handlers.*.platforms", Choices, kOptional, kReload, "", 0, 0, "windows|ios|android|webpush", "user_notification", "The platforms that it is for. Default: all."},
    Key{"handlers.*.fallback", Section, kOptional, kReload, "", 0, 0, "", "user_notification", "What iOS shows where the app did not handle the raw content in time."},
    Key{"handlers.*.fallback.after", Duration, kOptional, kReload, "1m", 1 * kMinute, 10 * kMinute, "", "user_notification", "How long the app has."},
    Key{"handlers.*.fallback.title", Text, kRequired, kReload, "", 0, 0, "", "user_notification", "Template of the title."},
    Key{"handlers.*.fallback.body", Text, kOptional, kReload, "", 0, 0, "", "user_notification", "Template of the text below it."},
    Key{"handlers.*.content_coding", Choice, kOptional, kReload, "identity", 0, 0, "identity|gzip|deflate", "user_notification", "How the request's body is coded."},
    Key{"handlers.*.wrapped", Flag, kOptional, kReload, "false", 0, 0, "", "user_notification", "Post it inside `{\"notification\": …}`, the form of early 2019."},
    Key{"handlers.*.most_content_bytes", Size, kOptional, kReload, "4KiB", 64, 256 * kKiB, "", "user_notification", "The most that each text may have; what is longer is not posted."},
    Key{"handlers.*.without_unsid", Choice, kOptional, kReload, "dead", 0, 0, "dead|skip", "user_notification", "What becomes of a change whose user has no live UNSID: a dead letter, or done."},

    Key{"log", Section, kImplied, kReload, "", 0, 0, "", "", "What is said on standard error."},
    Key{"log.level", Choice, kOptional, kReload, "info", 0, 0, "trace|debug|info|warn|error", "", "The least important line that is written."},
    Key{"log.format", Choice, kOptional, kRestart, "auto", 0, 0, "auto|text|json", "", "`auto`: text on a terminal, JSON otherwise."},
};
// clang-format on

std::string_view parent_of(std::string_view path) {
    const auto dot = path.rfind('.');
    return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

/// "handlers.*.routes[]" is the inside of "handlers.*.routes".
std::string_view without_brackets(std::string_view path) {
    return path.ends_with("[]") ? path.substr(0, path.size() - 2) : path;
}

}  // namespace

std::span<const Key> keys() {
    return kKeys;
}

const Key* find_key(std::string_view path) {
    for (const auto& key : kKeys) {
        if (key.path == path) return &key;
    }
    return nullptr;
}

std::vector<const Key*> children_of(std::string_view path) {
    std::vector<const Key*> children;
    for (const auto& key : kKeys) {
        if (parent_of(key.path).empty() ? path.empty()
                                        : without_brackets(parent_of(key.path)) == path)
            children.push_back(&key);
    }
    return children;
}

std::vector<std::string> types_with(std::string_view path) {
    std::vector<std::string> types;
    for (const auto& key : kKeys) {
        if (key.path != path) continue;
        for (auto& type : split_alternatives(key.only)) types.push_back(std::move(type));
    }
    return types;
}

std::string_view last_part(std::string_view path) {
    const auto dot = path.rfind('.');
    return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

std::vector<std::string> split_alternatives(std::string_view alternatives) {
    std::vector<std::string> parts;
    while (!alternatives.empty()) {
        const auto bar = alternatives.find('|');
        parts.emplace_back(alternatives.substr(0, bar));
        alternatives.remove_prefix(bar == std::string_view::npos ? alternatives.size() : bar + 1);
    }
    return parts;
}

bool is_for(const Key& key, std::string_view handler_type) {
    if (key.only.empty()) return true;
    const auto types = split_alternatives(key.only);
    return std::find(types.begin(), types.end(), handler_type) != types.end();
}

std::string_view type_name(Type type) {
    switch (type) {
        case Section:
            return "section";
        case Named:
            return "sections by name";
        case Items:
            return "list of sections";
        case Cloud:
            return "choice or section";
        case Text:
            return "text";
        case Path:
            return "path";
        case ReadFile:
        case SecretFile:
            return "readable file";
        case HttpsUrl:
            return "https URL";
        case HttpUrl:
            return "URL";
        case UrlPath:
            return "URL path";
        case Uuid:
            return "UUID";
        case Listen:
            return "address";
        case Store:
            return "store URL";
        case Integer:
            return "number";
        case Size:
            return "size";
        case Duration:
            return "duration";
        case Flag:
            return "true or false";
        case Choice:
            return "choice";
        case Texts:
            return "list of texts";
        case Choices:
            return "list of choices";
        case Networks:
            return "list of networks";
        case Headers:
            return "map of texts";
        case Secret:
            return "secret";
    }
    return "";
}

}  // namespace graphhook::app
