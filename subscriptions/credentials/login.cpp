#include "subscriptions/credentials/login.hpp"

#include "core/log.hpp"
#include "core/text.hpp"
#include "subscriptions/credentials/sign_in_file.hpp"
#include "subscriptions/credentials/token_flows.hpp"
#include "subscriptions/credentials/token_request.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <set>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

constexpr std::string_view kGrant = "urn:ietf:params:oauth:grant-type:device_code";

/// What the platform said when asked for a code.
struct Started {
    Secret device_code;
    std::string user_code;
    std::string uri;
    seconds lives{0};
    seconds interval{5};
};

Error error_of(const GraphError& error) {
    Errc code = Errc::Refused;
    if (error.next == Next::Aborted) code = Errc::Aborted;
    if (error.next == Next::RetryLater || error.next == Next::Throttled) code = Errc::Unreachable;
    std::string detail = error.code.empty() ? error.message : error.code + ": " + error.message;
    if (!error.request_id.empty()) detail += fmt::format(" (trace id {})", error.request_id);
    return fail(code, std::move(detail));
}

std::optional<std::int64_t> number_of(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_int64()) return value->get_int64();
    return std::nullopt;
}

std::string text_of(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string());
}

Result<Started> read_start(HttpResponse& response) {
    boost::system::error_code bad;
    const json::value document = json::parse(response.body, bad);
    wipe(response.body);
    Error garbled = fail(Errc::Refused, "the identity platform's answer is not one");
    if (bad || !document.is_object()) return garbled;
    const json::object& object = document.get_object();
    Started started;
    started.device_code = Secret(text_of(object, "device_code"));
    // They are shown on a terminal.
    started.user_code = for_log(text_of(object, "user_code"), 40);
    std::string uri = text_of(object, "verification_uri");
    if (uri.empty()) uri = text_of(object, "verification_url");
    started.uri = for_log(uri, 300);
    const bool web = same_letters(uri.substr(0, 8), "https://") ||
                     same_letters(uri.substr(0, 17), "http://127.0.0.1:");
    if (started.device_code.empty() || started.user_code.empty() || !web) return garbled;
    started.lives =
        seconds(std::clamp<std::int64_t>(number_of(object, "expires_in").value_or(900), 1, 3600));
    started.interval =
        seconds(std::clamp<std::int64_t>(number_of(object, "interval").value_or(5), 1, 60));
    return started;
}

Result<Started> start(
    const Tenant& tenant, const std::string& scope, HttpClient& http, Clock& clock,
    const std::stop_token& stop
) {
    Form form;
    form.add("client_id", tenant.client_id);
    form.add("scope", scope);
    HttpRequest request;
    request.method = "POST";
    request.url = platform_url(tenant, "devicecode");
    request.headers = {
        {"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}
    };
    request.body = form.text();
    auto answer = http.send(request, stop);
    if (!answer) {
        return fail(
            answer.error().code, "the identity platform is out of reach: " + answer.error().detail
        );
    }
    if (answer->status != 200)
        return error_of(read_token_error(*answer, tenant.name, clock.system_now()));
    return read_start(*answer);
}

/// Scopes asked for that are not among those granted, without the platform's own. Granted names may
/// come with or without Graph's address.
std::vector<std::string> missing_from(
    std::string_view granted, const std::vector<std::string>& asked
) {
    std::set<std::string> names;
    while (!granted.empty()) {
        const auto space = std::min(granted.find(' '), granted.size());
        const auto name = granted.substr(0, space);
        names.insert(lowered(name.substr(name.rfind('/') + 1)));
        granted.remove_prefix(std::min(space + 1, granted.size()));
    }
    std::vector<std::string> missing;
    for (const std::string& scope : asked) {
        const std::string name = lowered(scope.substr(scope.rfind('/') + 1));
        const bool own = name == "offline_access" || name == "openid" || name == "profile" ||
                         name == "email" || name == ".default";
        if (!own && !names.contains(name)) missing.push_back(scope);
    }
    return missing;
}

Result<LoginDone> finish(
    const Tenant& tenant, const std::string& scope, TokenReply reply,
    const LoginCallbacks& callbacks, const std::stop_token& stop
) {
    const auto& user = std::get<SignedInUser>(tenant.credential);
    if (reply.refresh_token.empty()) {
        return fail(
            Errc::Refused,
            "signed in, but the platform gave no refresh token: let the app have offline_access"
        );
    }
    const auto wait = [&callbacks](std::chrono::milliseconds how_long, const std::stop_token&) {
        return callbacks.wait(how_long);
    };
    const auto lock = SignInLock::take(user.token_file, wait, stop);
    if (!lock) return lock.error();
    const auto stored = store_sign_in(
        user.token_file, {.refresh_token = std::move(reply.refresh_token),
                          .client_id = tenant.client_id,
                          .scope = scope}
    );
    if (!stored) return stored.error();
    return LoginDone{
        .token_file = user.token_file,
        .scope = reply.scope,
        .missing = missing_from(reply.scope, user.scopes)
    };
}

}  // namespace

Result<LoginDone> login(
    const Tenant& tenant, HttpClient& http, Clock& clock, const LoginCallbacks& callbacks,
    const std::stop_token& stop
) {
    const auto* const user = std::get_if<SignedInUser>(&tenant.credential);
    if (user == nullptr || user->token_file.empty()) {
        return fail(
            Errc::BadInput,
            fmt::format(
                "tenant {} does not work for a signed-in user: nothing to log in to", tenant.name
            )
        );
    }
    {
        // Before the user takes the trouble: can the file be written at all?
        const auto wait = [&callbacks](std::chrono::milliseconds how_long, const std::stop_token&) {
            return callbacks.wait(how_long);
        };
        const auto lock = SignInLock::take(user->token_file, wait, stop);
        if (!lock) return lock.error();
    }
    const std::string scope = scope_text(tenant.cloud, user->scopes, true);
    auto started = start(tenant, scope, http, clock, stop);
    if (!started) return started.error();
    const SystemTime expires = clock.system_now() + started->lives;
    callbacks.show(started->uri, started->user_code, expires);

    prometheus::Registry nobody;  // a command has no metrics
    Metrics metrics(nobody);
    const TokenEndpoint endpoint{
        .tenant = tenant.name,
        .url = platform_url(tenant, "token"),
        .http = http,
        .clock = clock,
        .metrics = metrics
    };
    const auto proof = proof_of(
        tenant, {.tenant = tenant.name,
                 .client_id = tenant.client_id,
                 .audience = endpoint.url,
                 .clock = clock,
                 .random = random_hex}
    );
    const auto ran_out = [] {
        return fail(Errc::NotFound, "the code ran out before it was entered: log in again");
    };
    seconds interval = started->interval;
    while (true) {
        if (!callbacks.wait(interval) || stop.stop_requested())
            return fail(Errc::Aborted, "stopped");
        if (clock.system_now() >= expires) return ran_out();
        Form form;
        form.add("grant_type", kGrant);
        form.add("client_id", tenant.client_id);
        form.add("device_code", started->device_code.reveal());
        if (proof) {
            if (const auto proved = proof->add_to(form); !proved) return proved.error();
        }
        std::string refusal;
        auto reply = post_form(endpoint, form, stop, &refusal);
        if (reply) return finish(tenant, scope, std::move(*reply), callbacks, stop);
        if (refusal == "authorization_pending") continue;
        if (refusal == "slow_down") {
            interval += seconds(5);
            continue;
        }
        if (refusal == "expired_token" || refusal == "code_expired") return ran_out();
        if (refusal == "access_denied" || refusal == "authorization_declined")
            return fail(Errc::Refused, "the user declined");
        const GraphError& error = reply.error();
        const bool passing = error.next == Next::RetryLater || error.next == Next::Throttled;
        if (!passing) return error_of(error);
        interval = std::min<seconds>(interval * 2, seconds(60));
    }
}

}  // namespace graphhook::subscriptions
