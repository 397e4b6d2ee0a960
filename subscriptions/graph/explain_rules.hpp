#pragma once

#include "subscriptions/graph/graph.hpp"

#include <array>
#include <optional>
#include <string_view>

/// The table behind explain().
namespace graphhook::subscriptions::explaining {

inline constexpr int kAnyStatus = 0;
inline constexpr int kNoAnswer = -1;  ///< There was none: neither Graph's nor a proxy's.

/// A row fits when all of it that is set fits; the first that does is taken. In the texts,
/// {permission}, {kind}, {limit}, {said} and {request} are filled in.
struct Rule {
    std::string_view name;
    int status = kAnyStatus;                       ///< HTTP's.
    std::optional<Next> next = {};                 ///< Absent: any.
    std::string_view code = {};                    ///< In lower case; empty: any.
    std::array<std::string_view, 2> message = {};  ///< In lower case; both are in it.
    std::string_view operation = {};               ///< Empty: any.
    std::string_view kind = {};                    ///< Empty: any.
    std::optional<bool> delegated = {};            ///< Absent: either.
    std::string_view cause;
    std::string_view remedy;
};

// Messages and codes: as seen with Graph; see docs/credentials.md and docs/subscriptions.md for
// what users read.
inline constexpr auto kRules = std::to_array<Rule>({
    // --- The handshake.
    {.name = "handshake-changed-token",
     .message = {"must exactly match"},
     .cause =
         "our answer to the handshake reached Graph changed: still encoded, escaped, quoted, or "
         "with something added",
     .remedy = "let the proxy in front pass query and body as they are"},
    {.name = "handshake-timed-out",
     .message = {"validation request timed out"},
     .cause = "Graph got no answer to the handshake within ten seconds",
     .remedy = "let Microsoft's addresses through to public_url, and nothing that sleeps or starts "
               "slowly stand in front of it"},
    {.name = "handshake-404",
     .message = {"validation request failed", "'notfound'"},
     .cause = "whatever answers at public_url does not know the path",
     .remedy = "compare public_url with base_path and with what the proxy passes on"},
    {.name = "handshake-login",
     .message = {"validation request failed", "'unauthorized'"},
     .cause = "something in front of us asks Graph to log in",
     .remedy = "exempt the paths below public_url from login gateways and client certificates"},
    {.name = "handshake-forbidden",
     .message = {"validation request failed", "'forbidden'"},
     .cause = "something in front of us (a firewall for web applications, an address list) turns "
              "Graph away",
     .remedy = "let POSTs of Microsoft's addresses to the paths below public_url pass it"},
    {.name = "handshake-no-backend",
     .message = {"validation request failed", "'badgateway'"},
     .cause = "the proxy at public_url does not reach graphhook",
     .remedy = "check the proxy's backend address and that graphhook is ready (readyz)"},
    {.name = "handshake-unavailable",
     .message = {"validation request failed", "'serviceunavailable'"},
     .cause = "the balancer at public_url has no graphhook that is ready",
     .remedy =
         "check readyz and the balancer's own check; right after a start this passes by itself"},
    {.name = "handshake-status",
     .message = {"validation request failed", "http status code is"},
     .cause = "the handshake was answered with another status than 200",
     .remedy = "find out what answers at public_url; graphhook itself answers 200 there"},
    {.name = "handshake-no-200",
     .message = {"must respond with 200 ok"},
     .cause =
         "Graph did not get a 200 from public_url: its name does not resolve, nothing listens, "
         "its certificate is not trusted (self-signed, or without the intermediate), or something "
         "in front answers",
     .remedy =
         "run graphhook doctor from outside the network; the certificate must be one that the "
         "public trusts, with its chain"},
    {.name = "handshake-tls",
     .message = {"underlying connection was closed"},
     .cause = "Graph and the listener at public_url have no TLS version or cipher suite in common",
     .remedy = "let the listener speak TLS 1.2 with common suites (ECDHE with AES-GCM) as well"},
    {.name = "handshake",
     .next = Next::Handshake,
     .cause = "Graph could not validate public_url",
     .remedy = "run graphhook doctor from outside the network"},
    // --- Resource data.
    {.name = "resource-data-select",
     .message = {"select", "rich notifications"},
     .cause = "Graph sends the data of {kind} only if the resource says which",
     .remedy = "add ?$select=… to the resource, with the properties that are wanted"},
    {.name = "resource-data-unsupported",
     .message = {"rich notifications"},
     .cause = "Graph has no resource data in notifications of {kind}",
     .remedy = "take resource_data out; the kinds that have it are listed by graphhook kinds"},
    {.name = "resource-data-property",
     .message = {"includeresourcedata"},
     .cause = "Graph does not take resource data for {kind}",
     .remedy = "take resource_data out, or look the kind up with graphhook kinds: some need "
               "version: beta"},
    {.name = "resource-query",
     .message = {"not supported in subscription resource url"},
     .cause = "Graph does not take all of the query in the resource: no $top, $skip, $orderby or "
              "$expand, and no body in $select",
     .remedy = "leave that out; a handler may fetch a message's body itself"},
    {.name = "certificate-fixed",
     .message = {"encryptioncertificate", "updat"},
     .cause = "Graph does not let this subscription have another certificate for resource data",
     .remedy = "nothing: within minutes it is replaced by one that has it, and until then its "
               "notifications are read with the old key"},
    {.name = "certificate-property",
     .message = {"encryptioncertificate"},
     .cause = "Graph does not take the certificate for resource data, or its id: {said}",
     .remedy = "look at the certificate with graphhook keys list (RSA, 2048 to 4096 bits, an id of "
               "at most 128 characters), or make another with graphhook keys create"},
    // --- What was asked for.
    {.name = "tls-version-property",
     .message = {"latestsupportedtlsversion"},
     .cause = "Graph does not take the TLS version that the request names",
     .remedy = "report it with the request-id {request}; graphhook names none by itself"},
    {.name = "certificate-unreadable",
     .message = {"certificate validation error"},
     .cause = "Graph cannot read a certificate in the request: it is no X.509 certificate",
     .remedy = "look at the certificate for resource data with graphhook keys list: it is to be a "
               "certificate, not a key or a key's public half; graphhook keys create makes one"},
    {.name = "life-too-long",
     .message = {"can only be", "minutes in the future"},
     .cause = "the life asked for is longer than Graph allows for {kind}",
     .remedy = "set the subscription's life to less than {limit}; the next try uses that by itself"
    },
    {.name = "life-beyond-max",
     .message = {"beyond allowed max"},
     .cause = "the life asked for is longer than Graph allows for {kind}",
     .remedy = "set the subscription's life lower, and check this machine's clock"},
    {.name = "lifecycle-url-missing",
     .message = {"lifecyclenotificationurl is a required property"},
     .cause = "for {kind}, Graph wants a lifecycle URL for lives over an hour, and got none",
     .remedy =
         "leave the kind to be recognised from the resource (then graphhook sends one), or set "
         "life to an hour or less"},
    {.name = "lifecycle-url",
     .message = {"lifecyclenotificationurl"},
     .cause = "Graph does not take the lifecycle URL; one that is there cannot be changed or added "
              "later",
     .remedy = "have the subscription replaced: graphhook subscriptions plan shows it"},
    {.name = "expiry-missing",
     .message = {"expirationdatetime is a required property"},
     .cause = "the request reached Graph without its body, or changed",
     .remedy = "look for a proxy between graphhook and Graph that changes requests"},
    {.name = "payload",
     .message = {"could not process subscription creation payload"},
     .cause = "the request reached Graph changed, or Graph no longer takes this form",
     .remedy = "look for a proxy between graphhook and Graph; else report it with the request-id "
               "{request}"},
    {.name = "filter",
     .message = {"invalid filter clause"},
     .cause = "Graph does not take the $filter in the resource",
     .remedy = "correct the $filter: only some properties and operators are taken, see the kind's "
               "page"},
    {.name = "legacy-alerts",
     .message = {"security/alerts"},
     .cause = "the security alerts that could be subscribed to are retired",
     .remedy = "watch security/alerts_v2 with source: poll"},
    {.name = "resource-unsupported",
     .message = {"is not supported"},
     .cause = "Graph has no subscriptions to this resource, or not in this cloud or version",
     .remedy = "check the path's spelling, and whether it needs version: beta; a resource without "
               "subscriptions may be polled (source: poll)"},
    {.name = "resource-invalid",
     .message = {"invalid resource"},
     .cause = "the service behind {kind} does not know this resource",
     .remedy = "check the path and the ids in it"},
    // --- Another one is there.
    {.name = "duplicate-presence",
     .message = {"subscripton already exists"},
     .cause = "this app has a subscription of that kind already, and the service takes only one",
     .remedy =
         "delete the other (graphhook subscriptions list shows it as an orphan), or take it over "
         "with client_state_file; several people's presence goes into one subscription"},
    {.name = "duplicate",
     .next = Next::Conflict,
     .cause = "this app has a subscription to the same resource and changes already",
     .remedy = "'graphhook subscriptions plan' shows it: delete it, or take it over with "
               "client_state_file"},
    // --- Quotas.
    {.name = "quota-code",
     .code = "quotalimitreached",
     .cause = "a quota of Graph's on subscriptions is used up",
     .remedy = "have fewer: watch a collection instead of each element, and delete orphans"},
    {.name = "quota-reached",
     .message = {"limit", "reached"},
     .cause = "a quota of Graph's on subscriptions is used up",
     .remedy = "have fewer: watch a collection instead of each element, and delete orphans (also "
               "those of other apps on the same mailbox: 1,000 in all)"},
    {.name = "quota-exceeded",
     .message = {"limit", "exceeded"},
     .cause = "a quota of Graph's on subscriptions is used up",
     .remedy = "have fewer: watch a collection instead of each element, and delete orphans (also "
               "those of other apps on the same mailbox: 1,000 in all)"},
    {.name = "quota",
     .message = {"quota"},
     .cause = "a quota of Graph's is used up",
     .remedy = "have fewer subscriptions: watch a collection instead of each element, and delete "
               "orphans"},
    // --- Who we are.
    {.name = "token-audience",
     .message = {"invalid audience"},
     .cause = "the token is for another service than this Graph",
     .remedy = "check that cloud fits the tenant"},
    {.name = "token-time",
     .message = {"token has expired or is not yet valid"},
     .cause = "Graph finds the token outside its time",
     .remedy = "set this machine's clock"},
    {.name = "token-lifetime",
     .message = {"lifetime validation failed"},
     .cause = "Graph finds the token outside its time",
     .remedy = "set this machine's clock"},
    {.name = "claims",
     .message = {"asks for claims"},
     .cause = "conditional access wants more than the token shows",
     .remedy = "look up the sign-in in Entra's log, and have the app or its user excepted from the "
               "policy; a user may have to run graphhook login"},
    {.name = "claims-insufficient",
     .message = {"insufficient_claims"},
     .cause = "conditional access wants more than the token shows",
     .remedy = "look up the sign-in in Entra's log, and have the app or its user excepted from the "
               "policy; a user may have to run graphhook login"},
    {.name = "token-refused",
     .status = 401,
     .next = Next::Credentials,
     .cause = "Graph refuses the token",
     .remedy = "check tenant_id and cloud; if both are right, ask Microsoft with the request-id "
               "{request}"},
    // --- What we may.
    {.name = "application-access-policy",
     .message = {"accesspolicy"},
     .cause = "a policy of Exchange keeps the app from this mailbox",
     .remedy = "add the mailbox to the app's access policy or role assignment in Exchange"},
    {.name = "odata-disabled",
     .message = {"access to odata is disabled"},
     .cause = "a policy of Exchange keeps the app from this mailbox",
     .remedy = "add the mailbox to the app's access policy or role assignment in Exchange"},
    {.name = "write-only-permission",
     .message = {"write access permissions"},
     .cause = "a permission to write does not stand for one to read",
     .remedy = "grant {permission}, and have an administrator consent"},
    {.name = "license",
     .message = {"license"},
     .cause = "the resource or its owner lacks a licence that {kind} needs",
     .remedy = "assign the licence; the subscription is tried again by itself"},
    {.name = "payment",
     .status = 402,
     .cause = "Graph wants this app to be billed for {kind}",
     .remedy = "set up billing for the app, or leave this resource out"},
    {.name = "drive-renewal",
     .status = 403,
     .operation = "renew",
     .kind = "drive",
     .cause =
         "Graph creates such subscriptions with Files.Read.All, but may renew them only with more",
     .remedy = "grant Files.ReadWrite.All, and have an administrator consent"},
    {.name = "list-renewal",
     .status = 403,
     .operation = "renew",
     .kind = "list",
     .cause =
         "Graph creates such subscriptions with Sites.Read.All, but may renew them only with more",
     .remedy = "grant Sites.ReadWrite.All, and have an administrator consent"},
    {.name = "conversation-application",
     .status = 403,
     .kind = "conversation",
     .delegated = false,
     .cause = "Graph lets no application watch group conversations with its own token",
     .remedy = "watch them for a signed-in user (refresh_token_file) with Group.Read.All"},
    {.name = "todo-application",
     .status = 403,
     .kind = "todo-task",
     .delegated = false,
     .cause = "Graph lets applications watch tasks with their own token only in some tenants",
     .remedy = "grant Tasks.ReadWrite.All; if that is there, watch them for a signed-in user "
               "(refresh_token_file)"},
    {.name = "another-mailbox",
     .status = 403,
     .code = "erroraccessdenied",
     .delegated = true,
     .cause =
         "a signed-in user's token opens the user's own mailbox only, and only as far as permitted",
     .remedy = "write the resource with me, and grant {permission}; for others' mailboxes use the "
               "application's own token"},
    {.name = "forbidden",
     .status = 403,
     .next = Next::Refused,
     .cause = "the permission is missing",
     .remedy =
         "grant {permission}, and have an administrator consent; then wait for the next token "
         "(up to an hour, or restart)"},
    {.name = "access-denied",
     .code = "accessdenied",
     .cause = "the permission is missing",
     .remedy = "grant {permission}, and have an administrator consent"},
    {.name = "request-denied",
     .code = "authorization_requestdenied",
     .cause = "the permission is missing",
     .remedy = "grant {permission}, and have an administrator consent"},
    {.name = "access-denied-outlook",
     .code = "erroraccessdenied",
     .cause = "the permission is missing, or the mailbox is not one the token may open",
     .remedy = "grant {permission}, and have an administrator consent"},
    {.name = "inner-forbidden",
     .message = {"status code: forbidden"},
     .cause = "the service behind {kind} forbids it: {said}",
     .remedy =
         "grant {permission}, and have an administrator consent; check that the service knows the "
         "app"},
    // --- What is not there.
    {.name = "mailbox-not-enabled",
     .code = "mailboxnotenabledforrestapi",
     .cause = "there is no mailbox in Exchange Online: none at all, on the premises, or without a "
              "licence",
     .remedy = "give the user a mailbox, or leave them out; it is tried again daily"},
    {.name = "user-invalid",
     .code = "errorinvaliduser",
     .cause = "there is no such user, or none with a mailbox",
     .remedy = "check the user's id in the resource"},
    {.name = "mailbox-stale",
     .message = {"mailbox info is stale"},
     .cause =
         "Exchange looks the mailbox up in the wrong place; names (userPrincipalName) that begin "
         "with a GUID bring this about again and again",
     .remedy = "name the user by id in the resource ({id} in a template); else it passes by itself"
    },
    {.name = "subscription-gone",
     .next = Next::NotFound,
     .operation = "renew",
     .cause = "the subscription is gone: it ended, or was deleted",
     .remedy = "nothing: it is created anew, and what was missed meanwhile is looked for"},
    {.name = "subscription-gone-reauthorize",
     .next = Next::NotFound,
     .operation = "reauthorize",
     .cause = "the subscription is gone: it ended, or was deleted",
     .remedy = "nothing: it is created anew, and what was missed meanwhile is looked for"},
    {.name = "subscription-gone-get",
     .next = Next::NotFound,
     .operation = "get",
     .cause = "the subscription is gone: it ended, or was deleted",
     .remedy = "nothing: it is created anew, and what was missed meanwhile is looked for"},
    {.name = "resource-missing",
     .next = Next::NotFound,
     .cause = "what the resource names is not there, or hidden from this token",
     .remedy = "check the ids in the resource, and that {permission} is granted"},
    // --- Passing.
    {.name = "delta-token-ended",
     .next = Next::Resync,
     .cause = "Graph has forgotten where the last sweep ended",
     .remedy = "nothing: the sweep begins anew"},
    {.name = "mailbox-concurrency",
     .message = {"mailboxconcurrency"},
     .cause = "too many requests to one mailbox at once",
     .remedy = "nothing: graphhook sends at most four; look for other apps with the same client_id"
    },
    {.name = "throttled",
     .next = Next::Throttled,
     .cause = "too many requests for now",
     .remedy = "nothing: graphhook waits as long as it was told; if it lasts, look for other users "
               "of the "
               "same client_id"},
    {.name = "dns",
     .status = kNoAnswer,
     .message = {"could not resolve"},
     .cause = "a name cannot be resolved from this machine",
     .remedy = "check DNS here, and the addresses in cloud"},
    {.name = "proxy",
     .status = kNoAnswer,
     .message = {"proxy"},
     .cause = "the proxy does not let us through",
     .remedy = "check HTTPS_PROXY and NO_PROXY, and that the proxy allows Graph and the identity "
               "platform"},
    {.name = "tls-trust",
     .status = kNoAnswer,
     .message = {"certificate"},
     .cause =
         "the certificate of the other side is not trusted here: mostly a proxy that looks into "
         "TLS",
     .remedy = "exempt Graph and the identity platform there, or give cloud.ca_file its authority"},
    {.name = "timeout",
     .status = kNoAnswer,
     .message = {"timed out"},
     .cause = "no answer in time",
     .remedy = "check the way out of this network; if it works, Microsoft's service health"},
    {.name = "connection",
     .status = kNoAnswer,
     .message = {"connect"},
     .cause = "no connection",
     .remedy = "check that this network lets us out to port 443 of Graph and the identity platform"
    },
    // --- Not an answer.
    {.name = "link-elsewhere",
     .next = Next::Garbled,
     .message = {"elsewhere"},
     .cause = "an answer of Graph sends us to another host, where we do not follow",
     .remedy = "check cloud.graph; if it is right, ask Microsoft with the request-id {request}"},
    {.name = "redirect",
     .next = Next::Garbled,
     .message = {"redirect"},
     .cause = "something answers with a redirect, which Graph never does",
     .remedy = "look for a login page or proxy between this machine and Graph"},
    {.name = "html",
     .next = Next::Garbled,
     .message = {"html"},
     .cause = "something answers with a web page, which Graph never does",
     .remedy = "look for a login page or proxy between this machine and Graph"},
    {.name = "too-large",
     .next = Next::Garbled,
     .message = {"too large"},
     .cause = "the answer is larger than 16 MiB",
     .remedy = "ask for less at a time (a smaller page, fewer properties)"},
    {.name = "garbled",
     .next = Next::Garbled,
     .cause = "the answer is not one that Graph documents",
     .remedy =
         "look for a proxy between this machine and Graph; else ask Microsoft with the request-id "
         "{request}"},
    // --- Opaque.
    {.name = "inner-reason",
     .message = {"status code:", "reason:"},
     .cause = "the service behind {kind} says: {said}",
     .remedy =
         "check the ids in the resource and that {permission} is granted; else ask Microsoft with "
         "the request-id {request}"},
    {.name = "extension-error",
     .code = "extensionerror",
     .cause = "the service behind {kind} refused, and Graph does not say why",
     .remedy =
         "check that the resource exists and is licensed and that {permission} is granted; else "
         "ask Microsoft with the request-id {request}"},
    {.name = "trouble",
     .next = Next::RetryLater,
     .cause = "Graph or the identity platform is in trouble",
     .remedy = "nothing: it is tried again; if it lasts, see Microsoft's service health"},
    {.name = "stopped",
     .next = Next::Aborted,
     .cause = "graphhook stopped meanwhile",
     .remedy = "nothing: the next start takes it up"},
    {.name = "unknown",
     .cause = "Graph refused: {said}",
     .remedy = "if the text does not help, ask Microsoft with the request-id {request}"},
});

}  // namespace graphhook::subscriptions::explaining
