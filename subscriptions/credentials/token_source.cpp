#include "subscriptions/credentials/token_source.hpp"

#include "core/log.hpp"
#include "core/time_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;

struct Advice {
    std::string_view code;
    std::string_view what;  ///< Reason, colon, what to do.
};
constexpr auto kAdvice = std::to_array<Advice>({
    {"AADSTS7000215",
     "the client secret is wrong: put the secret's value (not its id) into the credential"},
    {"AADSTS7000222",
     "the client secret has expired: make a new one in the app registration and put it into the "
     "credential"},
    {"AADSTS700016",
     "the app is not known in this tenant: check client_id and tenant_id, or consent to the app "
     "there"},
    {"AADSTS90002", "the tenant does not exist: check tenant_id and cloud"},
    {"AADSTS900023", "tenant_id is neither a GUID nor a domain: correct it"},
    {"AADSTS700027", "the app is set up for a certificate: check the credential"},
    {"AADSTS65001", "consent is missing: an administrator must grant the app its permissions"},
    {"AADSTS70011", "the scope is refused: check cloud and its Graph address"},
    {"AADSTS500011", "Graph is not known in this tenant: check cloud and its Graph address"},
    {"AADSTS7000112", "the app is disabled in this tenant: enable it"},
    {"AADSTS53003", "a conditional access policy blocks the app: have it excepted"},
});

std::string text_of(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string());
}

std::optional<json::object> object_of(std::string_view body) {
    boost::system::error_code error;
    json::value value = json::parse(body, error);
    if (error || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

/// "AADSTS7000215" out of "AADSTS7000215: Invalid client secret …".
std::string code_in(std::string_view description) {
    const auto at = description.find("AADSTS");
    if (at == std::string_view::npos) return {};
    auto end = at + 6;
    while (end < description.size() && std::isdigit(static_cast<unsigned char>(description[end])))
        ++end;
    return std::string(description.substr(at, std::min<std::size_t>(end - at, 20)));
}

/// A number, or (as some issuers do) a string that holds one.
std::optional<std::int64_t> number_of(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_int64()) return value->get_int64();
    if (!value->is_string()) return std::nullopt;
    const auto& text = value->get_string();
    std::int64_t number = 0;
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (bad != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::string form_of(const Tenant& tenant) {
    return fmt::format(
        "client_id={}&scope={}&client_secret={}&grant_type=client_credentials",
        percent_encode(tenant.client_id), percent_encode(tenant.cloud.graph + "/.default"),
        percent_encode(tenant.client_secret.reveal())
    );
}

}  // namespace

GraphError read_token_error(
    const HttpResponse& response, const std::string& tenant, SystemTime now
) {
    GraphError error;
    error.status = response.status;
    std::string description;
    std::string name;
    if (const auto body = object_of(response.body)) {
        name = text_of(*body, "error");
        description = text_of(*body, "error_description");
        error.request_id = for_log(text_of(*body, "trace_id"), 80);
    }
    if (const auto after = response.header("retry-after")) {
        if (const auto wait = parse_retry_after(*after, now)) error.retry_at = now + *wait;
    }
    const bool passing = response.status >= 500 || response.status == 408 ||
                         name == "temporarily_unavailable" || name == "server_error";
    if (response.status == 429) {
        error.next = Next::Throttled;
    } else if (passing) {
        error.next = error.retry_at ? Next::Throttled : Next::RetryLater;
    } else if (response.status >= 400 && !name.empty()) {
        error.next = Next::Credentials;
    } else {
        error.next = Next::Garbled;
    }
    error.code = code_in(description);
    if (error.code.empty()) error.code = for_log(name, 80);
    std::string_view what;
    for (const Advice& advice : kAdvice) {
        if (advice.code == error.code) what = advice.what;
    }
    const auto first_line = description.substr(0, description.find_first_of("\r\n"));
    error.message = fmt::format(
        "no token for tenant {}: {}", tenant,
        !what.empty()         ? std::string(what)
        : !first_line.empty() ? for_log(first_line, 300)
                              : "the identity platform did not say why"
    );
    return error;
}

ClientSecretTokens::ClientSecretTokens(
    const Tenant& tenant, HttpClient& http, Clock& clock, Metrics& metrics
)
    : tenant_(tenant.name),
      url_(fmt::format(
          "{}/{}/oauth2/v2.0/token", tenant.cloud.login, percent_encode(tenant.tenant_id)
      )),
      form_(form_of(tenant)),
      http_(http),
      clock_(clock),
      metrics_(metrics) {
}

GraphResult<Secret> ClientSecretTokens::get(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    while (true) {
        const SystemTime now = clock_.system_now();
        const bool alive = token_ && now < token_->expires_at;
        if (alive && (fetching_ || now < token_->refresh_at)) return token_->value;
        if (!fetching_) break;
        const bool over = fetched_.wait(lock, stop, [this] { return !fetching_; });
        if (!over) return GraphError{.next = Next::Aborted, .message = "stopped"};
    }
    fetching_ = true;
    lock.unlock();
    auto fetched = fetch(stop);
    lock.lock();
    fetching_ = false;
    fetched_.notify_all();
    if (fetched) {
        token_ = std::move(*fetched);
        return token_->value;
    }
    if (token_ && clock_.system_now() < token_->expires_at) {
        // Trouble over there is none of ours yet; not every call need ask again at once.
        token_->refresh_at = clock_.system_now() + std::chrono::minutes(1);
        log().warn(
            "a new token is not to be had yet, the old one serves: tenant={} {}", tenant_,
            to_string(fetched.error())
        );
        return token_->value;
    }
    return fetched.error();
}

void ClientSecretTokens::drop(const Secret& token) {
    const std::lock_guard lock(mutex_);
    if (token_ && token_->value.equals(token.reveal())) token_.reset();
}

GraphResult<ClientSecretTokens::Token> ClientSecretTokens::fetch(std::stop_token stop) {
    HttpRequest request;
    request.method = "POST";
    request.url = url_;
    request.headers = {
        {"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}
    };
    request.body = form_.reveal();
    const auto reply = http_.send(request, std::move(stop));
    const SystemTime now = clock_.system_now();
    if (!reply) {
        const bool aborted = reply.error().code == Errc::Aborted;
        if (!aborted) metrics_.token_request("unreachable");
        return GraphError{
            .next = aborted ? Next::Aborted : Next::RetryLater,
            .message = fmt::format(
                "no token for tenant {}: the identity platform is out of reach: {}", tenant_,
                reply.error().detail
            )
        };
    }
    const auto garbled = [&](std::string_view what) {
        metrics_.token_request("garbled");
        return GraphError{
            .next = Next::Garbled,
            .status = reply->status,
            .message = fmt::format("no token for tenant {}: {}", tenant_, what)
        };
    };
    if (reply->status != 200) {
        GraphError error = read_token_error(*reply, tenant_, now);
        metrics_.token_request(error.next == Next::Garbled ? "garbled" : "refused");
        return error;
    }
    auto body = object_of(reply->body);
    if (!body) return garbled("the answer is not JSON");
    std::string value = text_of(*body, "access_token");
    const auto life = number_of(*body, "expires_in");
    if (value.empty() || value.size() > 64u * 1024u) return garbled("the answer holds no token");
    if (!std::ranges::all_of(value, [](unsigned char c) { return c > 0x20 && c < 0x7f; }))
        return garbled("the token holds characters that no header takes");
    if (!life || *life <= 0) return garbled("the answer does not say how long the token lives");
    metrics_.token_request("ok");
    const std::chrono::seconds lives(std::min<std::int64_t>(*life, 7L * 24 * 3600));
    Token token;
    token.value = Secret(std::move(value));
    token.expires_at = now + lives;
    // Whichever comes first; a very short life still serves for half of itself.
    const auto early = std::max(lives - std::chrono::minutes(5), lives / 2);
    token.refresh_at = now + std::min<std::chrono::seconds>(lives * 4 / 5, early);
    return token;
}

}  // namespace graphhook::subscriptions
