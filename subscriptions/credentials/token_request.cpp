#include "subscriptions/credentials/token_request.hpp"

#include "core/log.hpp"
#include "core/time_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;

constexpr std::size_t kTokenBytes = 64u * 1024u;

std::string text_of(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string());
}

/// Takes a secret out of a document, which then no longer holds it.
Secret secret_of(json::object& object, std::string_view key) {
    json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    auto& text = value->get_string();
    Secret secret{std::string(text)};
    ::OPENSSL_cleanse(text.data(), text.size());
    return secret;
}

std::optional<json::object> object_of(std::string_view body) {
    boost::system::error_code error;
    json::value value = json::parse(body, error);
    if (error || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
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

/// Fit for a header line and a form.
bool is_plain(std::string_view token) {
    return token.size() <= kTokenBytes &&
           std::ranges::all_of(token, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::string oauth_error(const HttpResponse& response) {
    const auto body = object_of(response.body);
    return body ? text_of(*body, "error") : std::string();
}

void wipe(std::string& text) noexcept {
    ::OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

Form::~Form() {
    wipe(text_);
}

void Form::add(std::string_view name, std::string_view value) {
    std::string encoded = percent_encode(value);
    std::string longer;
    longer.reserve(text_.size() + name.size() + encoded.size() + 2);
    longer += text_;
    if (!longer.empty()) longer += '&';
    longer += name;
    longer += '=';
    longer += encoded;
    wipe(encoded);
    wipe(text_);
    text_ = std::move(longer);
}

std::string platform_url(const Tenant& tenant, std::string_view what) {
    return fmt::format(
        "{}/{}/oauth2/v2.0/{}", tenant.cloud.login, percent_encode(tenant.tenant_id), what
    );
}

std::string scope_text(const Cloud& cloud, const std::vector<std::string>& scopes, bool offline) {
    std::string text;
    const auto add = [&text](const std::string& scope) {
        if (!text.empty()) text += ' ';
        text += scope;
    };
    for (const std::string& scope : scopes) {
        if (scope.empty() || scope == "offline_access") continue;
        const bool as_it_is = scope.find("://") != std::string::npos || scope == "openid" ||
                              scope == "profile" || scope == "email";
        add(as_it_is ? scope : cloud.graph + "/" + scope);
    }
    if (text.empty()) add(cloud.graph + "/.default");
    if (offline) add("offline_access");
    return text;
}

GraphError no_answer(
    const std::string& tenant, std::string_view who, const Error& error, Metrics& metrics
) {
    const bool aborted = error.code == Errc::Aborted;
    if (!aborted) metrics.token_request("unreachable");
    return GraphError{
        .next = aborted ? Next::Aborted : Next::RetryLater,
        .message = fmt::format(
            "no token for tenant {}: {} is out of reach: {}", tenant, who,
            for_log(error.detail, 200)
        )
    };
}

GraphResult<TokenReply> read_token(
    HttpResponse& response, const std::string& tenant, SystemTime now
) {
    const auto garbled = [&](std::string_view what) {
        return GraphError{
            .next = Next::Garbled,
            .status = response.status,
            .message = fmt::format("no token for tenant {}: {}", tenant, what),
            .request_id = for_log(response.header("x-ms-request-id").value_or(""), 80)
        };
    };
    auto body = object_of(response.body);
    wipe(response.body);
    if (!body) return garbled("the answer is not JSON");
    TokenReply reply;
    reply.token.value = secret_of(*body, "access_token");
    reply.refresh_token = secret_of(*body, "refresh_token");
    reply.scope = for_log(text_of(*body, "scope"), 4'000);
    auto life = number_of(*body, "expires_in");
    if (!life) {
        if (const auto end = number_of(*body, "expires_on"))
            life = *end - std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    }
    const std::string_view value = reply.token.value.reveal();
    if (value.empty() || value.size() > kTokenBytes) return garbled("the answer holds no token");
    if (!is_plain(value)) return garbled("the token holds characters that no header takes");
    if (!is_plain(reply.refresh_token.reveal()))
        return garbled("the refresh token holds characters that no token has");
    if (!life || *life <= 0) return garbled("the answer does not say how long the token lives");
    reply.token.lives = std::chrono::seconds(std::min<std::int64_t>(*life, 7L * 24 * 3600));
    return reply;
}

GraphResult<TokenReply> post_form(
    const TokenEndpoint& endpoint, const Form& form, std::stop_token stop, std::string* refused_as
) {
    if (refused_as != nullptr) refused_as->clear();
    HttpRequest request;
    request.method = "POST";
    request.url = endpoint.url;
    request.headers = {
        {"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}
    };
    request.body = form.text();
    auto answer = endpoint.http.send(request, std::move(stop));
    wipe(request.body);
    const SystemTime now = endpoint.clock.system_now();
    if (!answer) {
        return no_answer(
            endpoint.tenant, "the identity platform", answer.error(), endpoint.metrics
        );
    }
    if (answer->status != 200) {
        if (refused_as != nullptr) *refused_as = oauth_error(*answer);
        GraphError error = read_token_error(*answer, endpoint.tenant, now);
        endpoint.metrics.token_request(error.next == Next::Garbled ? "garbled" : "refused");
        return error;
    }
    auto reply = read_token(*answer, endpoint.tenant, now);
    endpoint.metrics.token_request(reply ? "ok" : "garbled");
    return reply;
}

}  // namespace graphhook::subscriptions
