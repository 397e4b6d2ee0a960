#include "subscriptions/graph/explain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Case {
    const char* rule;
    GraphError error;
    const char* operation = "create";
    const char* kind = "";
    bool delegated = false;

    [[nodiscard]] Attempt attempt() const {
        Attempt made;
        made.operation = operation;
        made.kind = kind;
        made.delegated = delegated;
        return made;
    }
};

GraphError refused(int status, std::string code, std::string message, Next next = Next::Refused) {
    return {.next = next, .status = status, .code = std::move(code), .message = std::move(message)};
}

/// One for each row: what Graph and curl really say.
std::vector<Case> cases() {
    const std::string failed = "Subscription validation request failed. ";
    const auto handshake = [](std::string message) {
        return refused(400, "InvalidRequest", std::move(message), Next::Handshake);
    };
    const auto silent = [](std::string message) {
        return GraphError{.next = Next::RetryLater, .message = std::move(message)};
    };
    const auto garbled = [](std::string message) {
        return refused(200, "", std::move(message), Next::Garbled);
    };
    return {
        {"handshake-changed-token",
         handshake(failed + "Response must exactly match validationToken query parameter.")},
        {"handshake-timed-out", handshake("Subscription validation request timed out.")},
        {"handshake-404", handshake(failed + "HTTP status code is 'NotFound'.")},
        {"handshake-login", handshake(failed + "HTTP status code is 'Unauthorized'.")},
        {"handshake-forbidden", handshake(failed + "HTTP status code is 'Forbidden'.")},
        {"handshake-no-backend", handshake(failed + "HTTP status code is 'BadGateway'.")},
        {"handshake-unavailable", handshake(failed + "HTTP status code is 'ServiceUnavailable'.")},
        {"handshake-status", handshake(failed + "HTTP status code is 'Redirect'.")},
        {"handshake-no-200",
         handshake(failed + "Notification endpoint must respond with 200 OK to validation request.")
        },
        {"handshake-no-200", handshake(failed + "Must respond with 200 OK to this request.")},
        {"handshake-tls",
         handshake("The underlying connection was closed: An unexpected error occurred on a send.")
        },
        {"handshake", handshake(failed)},
        {"tls-version-property",
         refused(400, "ValidationError", "Invalid property value for LatestSupportedTlsVersion")},
        {"resource-data-select",
         refused(
             400, "ExtensionError",
             "Operation: Create; Exception: [Status Code: BadRequest; Reason: select clause should "
             "be present in query string to support rich notifications]"
         )},
        {"resource-data-unsupported",
         refused(
             400, "ExtensionError",
             "Operation: Create; Exception: [Status Code: BadRequest; Reason: File Services "
             "workload is not enabled for rich notifications.]"
         )},
        {"resource-data-property",
         refused(400, "InvalidRequest", "includeResourceData is not supported for this resource.")},
        {"resource-query",
         refused(
             400, "ExtensionError",
             "Operation: Create; Exception: [Status Code: BadRequest; Reason: $top, $skip, "
             "$orderby, $select=body,uniqueBody and $expand other than "
             "singleValueExtendedProperties,multiValueExtendedProperties are not supported in "
             "subscription resource Url.]"
         )},
        {"certificate-fixed",
         refused(
             400, "InvalidRequest",
             "Property encryptionCertificate of a subscription cannot be updated."
         )},
        {"certificate-property",
         refused(
             400, "InvalidRequest",
             "encryptionCertificateId must not be longer than 128 characters."
         )},
        {"certificate-unreadable",
         refused(
             400, "InvalidRequest",
             "Certificate validation error: Cannot find the requested object."
         )},
        {"life-too-long", refused(
                              400, "ExtensionError",
                              "Subscription expiration can only be 10070 minutes in the future."
                          )},
        {"life-beyond-max",
         refused(
             400, "ExtensionError",
             "Operation: Create; Exception: [Status Code: BadRequest; Reason: Expiration time 'x' "
             "(y from now) is beyond allowed max '3.00:00:00'.]"
         )},
        {"lifecycle-url-missing",
         refused(
             400, "InvalidRequest",
             "lifecycleNotificationUrl is a required property for subscription creation on this "
             "resource when the expirationDateTime value is set to greater than 1 hour"
         )},
        {"lifecycle-url",
         refused(400, "InvalidRequest", "lifecycleNotificationUrl cannot be updated.")},
        {"expiry-missing", refused(
                               400, "InvalidRequest",
                               "expirationDateTime is a required property for subscription creation"
                           )},
        {"payload",
         refused(
             400, "InvalidRequest",
             "Could not process subscription creation payload. Are all property names spelled"
         )},
        {"filter", refused(400, "BadRequest", "Invalid filter clause")},
        {"legacy-alerts", refused(400, "InvalidRequest", "resource 'security/alerts' is gone.")},
        {"resource-unsupported", refused(400, "InvalidRequest", "resource 'x' is not supported.")},
        {"resource-invalid",
         refused(
             400, "ExtensionError",
             "Operation: Create; Exception: [Status Code: BadRequest; Reason: Invalid resource "
             "specified in payload]"
         )},
        {"duplicate-presence",
         refused(
             400, "ExtensionError",
             "Operation: Create; Exception: [Status Code: Conflict; Reason: A subscripton already "
             "exists. It must be deleted before a another can be made.]",
             Next::Conflict
         )},
        {"duplicate",
         refused(
             409, "", "Subscription Id <> already exists for the requested combination",
             Next::Conflict
         )},
        {"quota-code", refused(403, "quotaLimitReached", "no more")},
        {"quota-reached",
         refused(403, "ExtensionError", "The maximum limit of subscriptions has been reached.")},
        {"quota-exceeded", refused(403, "Forbidden", "Subscription limit of '1000' exceeded.")},
        {"quota", refused(403, "ExtensionError", "Over the quota.")},
        {"token-audience",
         refused(
             401, "InvalidAuthenticationToken",
             "Access token validation failure. Invalid audience.", Next::Credentials
         )},
        {"token-time", refused(
                           401, "InvalidAuthenticationToken",
                           "Access token has expired or is not yet valid.", Next::Credentials
                       )},
        {"token-lifetime",
         refused(
             401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.",
             Next::Credentials
         )},
        {"claims",
         refused(401, "", "Graph asks for claims that the platform did not", Next::Credentials)},
        {"claims-insufficient", refused(403, "", "error insufficient_claims")},
        {"token-refused", refused(401, "", "", Next::Credentials)},
        {"application-access-policy",
         refused(
             403, "ErrorAccessDenied", "Blocked by tenant configured AppOnly AccessPolicy settings."
         )},
        {"odata-disabled", refused(403, "ErrorAccessDenied", "Access to OData is disabled.")},
        {"write-only-permission",
         refused(
             403, "Forbidden", "subscriptions don't support write access permissions when only read"
         )},
        {"license", refused(403, "Forbidden", "Tenant does not have a SPO license.")},
        {"payment", refused(402, "PaymentRequired", "")},
        {"drive-renewal", refused(403, "accessDenied", ""), "renew", "drive"},
        {"list-renewal", refused(403, "accessDenied", ""), "renew", "list"},
        {"conversation-application", refused(403, "Forbidden", ""), "create", "conversation"},
        {"todo-application", refused(403, "Forbidden", ""), "create", "todo-task"},
        {"another-mailbox", refused(403, "ErrorAccessDenied", "Access is denied."), "create",
         "message", true},
        {"forbidden", refused(403, "Forbidden", "")},
        {"forbidden",
         refused(403, "Authorization_RequestDenied", "Insufficient privileges to complete")},
        {"access-denied", refused(400, "accessDenied", "no")},
        {"request-denied", refused(400, "Authorization_RequestDenied", "no")},
        {"access-denied-outlook", refused(400, "ErrorAccessDenied", "no")},
        {"inner-forbidden",
         refused(
             400, "ExtensionError",
             "Operation: Create; Exception: [Status Code: Forbidden; Reason: Not for you]"
         )},
        {"mailbox-not-enabled",
         refused(404, "MailboxNotEnabledForRESTAPI", "REST API is not yet", Next::NotFound)},
        {"user-invalid", refused(404, "ErrorInvalidUser", "x is invalid", Next::NotFound)},
        {"mailbox-stale",
         refused(503, "ServiceUnavailable", "Mailbox info is stale.", Next::RetryLater)},
        {"subscription-gone", refused(404, "ResourceNotFound", "x", Next::NotFound), "renew"},
        {"subscription-gone-reauthorize", refused(404, "", "", Next::NotFound), "reauthorize"},
        {"subscription-gone-get", refused(404, "", "", Next::NotFound), "get"},
        {"resource-missing",
         refused(404, "ResourceNotFound", "The object was not found.", Next::NotFound)},
        {"delta-token-ended", refused(410, "syncStateNotFound", "", Next::Resync), "delta"},
        {"mailbox-concurrency",
         refused(
             429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.",
             Next::Throttled
         )},
        {"throttled", refused(429, "TooManyRequests", "", Next::Throttled)},
        {"dns", silent("Could not resolve host: graph.microsoft.com")},
        {"proxy", silent("Received HTTP code 407 from proxy after CONNECT")},
        {"tls-trust", silent("SSL certificate problem: unable to get local issuer certificate")},
        {"timeout", silent("Operation timed out after 30000 milliseconds")},
        {"connection", silent("Failed to connect to 10.0.0.1 port 443: Connection refused")},
        {"link-elsewhere", garbled("a page whose @odata.nextLink leads elsewhere (evil.example)")},
        {"redirect", refused(302, "", "a redirect, which is never followed", Next::Garbled)},
        {"html", garbled("HTML or XML instead of JSON")},
        {"too-large", garbled("the answer's body is too large")},
        {"garbled", garbled("a page without its values")},
        {"inner-reason",
         refused(
             400, "ExtensionError",
             "Operation: Create; Exception: [Status Code: BadRequest; Reason: Odd thing]"
         )},
        {"extension-error", refused(400, "ExtensionError", "Operation: Create;")},
        {"trouble", refused(502, "", "<html>", Next::RetryLater)},
        {"stopped", GraphError{.next = Next::Aborted, .message = "stopped"}},
        {"unknown", refused(422, "Odd", "Something new")},
    };
}

TEST(ExplainTest, EveryRowOfTheTableIsMetByWhatIsReallySaid) {
    std::set<std::string_view> met;
    for (const Case& one : cases()) {
        const auto explanation = explain(one.error, one.attempt());
        EXPECT_EQ(explanation.rule, one.rule) << one.error.message;
        met.insert(one.rule);
    }
    for (const auto rule : explanation_rules()) EXPECT_TRUE(met.contains(rule)) << rule;
}

TEST(ExplainTest, EveryRowHasACauseAndARemedyWithNothingLeftToFillIn) {
    for (const Case& one : cases()) {
        const auto explanation = explain(one.error, one.attempt());
        EXPECT_THAT(explanation.cause, Not(IsEmpty())) << one.rule;
        EXPECT_THAT(explanation.remedy, Not(IsEmpty())) << one.rule;
        for (const char* left : {"{permission}", "{kind}", "{limit}", "{said}", "{request}"}) {
            EXPECT_THAT(explanation.cause, Not(HasSubstr(left))) << one.rule;
            EXPECT_THAT(explanation.remedy, Not(HasSubstr(left))) << one.rule;
        }
        EXPECT_FALSE(explanation.remedy.ends_with('.')) << one.rule;
    }
}

TEST(ExplainTest, NamesThePermissionThatIsMissing) {
    const auto error = refused(403, "Forbidden", "");
    EXPECT_THAT(
        explain(error, {.permissions = {"Mail.Read"}}).remedy,
        HasSubstr("the application permission Mail.Read,")
    );
    EXPECT_THAT(
        explain(error, {.permissions = {"Chat.Read", "Chat.ReadWrite"}, .delegated = true}).remedy,
        HasSubstr("the delegated permission Chat.Read or Chat.ReadWrite")
    );
}

TEST(ExplainTest, NamesTheLimitTheRequestAndWhatTheServiceSaid) {
    auto error = refused(
        400, "ExtensionError", "Subscription expiration can only be 10070 minutes in the future."
    );
    error.longest_life = 10'070min;
    EXPECT_THAT(explain(error, {}).remedy, HasSubstr("10070m"));
    error = refused(400, "ExtensionError", "");
    error.request_id = "r-77";
    EXPECT_THAT(explain(error, {}).remedy, HasSubstr("r-77"));
    error.message = "Operation: Create; Exception: [Status Code: BadRequest; Reason: Odd thing]";
    EXPECT_EQ(
        explain(error, {.kind = "presence"}).cause, "the service behind presence says: Odd thing"
    );
}

TEST(ExplainTest, ATokenSourcesWordsAreSplitIntoCauseAndRemedy) {
    GraphError error;
    error.next = Next::Credentials;
    error.code = "AADSTS7000222";
    error.message = "no token for tenant contoso: the client secret has expired: make a new one";
    auto explanation = explain(error, {});
    EXPECT_EQ(explanation.cause, "the client secret has expired (AADSTS7000222)");
    EXPECT_EQ(explanation.remedy, "make a new one");
    error.code = "AADSTS99";
    error.message = "no token for tenant contoso: AADSTS99: A new thing.";
    explanation = explain(error, {});
    EXPECT_EQ(explanation.cause, "AADSTS99: A new thing.");
    EXPECT_THAT(explanation.remedy, HasSubstr("AADSTS codes"));
    error.code = "invalid_scope";
    error.message =
        "no token for tenant contoso: the scope is refused: check scopes (it says: a: b)";
    explanation = explain(error, {});
    EXPECT_EQ(explanation.remedy, "check scopes");
    EXPECT_THAT(explanation.cause, HasSubstr("(it says: a: b)"));
    error.next = Next::RetryLater;
    error.message = "no token for tenant contoso: the identity platform is out of reach: x";
    EXPECT_THAT(explain(error, {}).remedy, HasSubstr("tried again"));
}

}  // namespace
}  // namespace graphhook::subscriptions
