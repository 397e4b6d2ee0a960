#include "authenticity/fetch_key_set.hpp"

#include "authenticity/issuers.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <utility>

namespace graphhook::authenticity {
namespace {

namespace json = boost::json;
using Outcome = Fetched::Outcome;

struct Failure {
    Outcome outcome;
    std::string detail;
};
template <class T>
using Got = boost::system::result<T, Failure>;

/// By the Date header (RFC 9110 6.6.1). Nothing from an answer that a cache kept.
std::optional<std::chrono::seconds> clock_ahead_by(const HttpResponse& response, SystemTime now) {
    const auto date = response.header("date");
    // "Sat, 21 Nov 2026 08:00:00 GMT": a bare number is none, though it would be a Retry-After.
    if (!date || response.header("age") || date->find(',') == std::string_view::npos)
        return std::nullopt;
    // The reader of Retry-After knows dates, from now on and up to a day: from half a day ago it
    // sees half a day in both directions, which is doubt enough.
    constexpr std::chrono::hours kHalfADay{12};
    const auto later = parse_retry_after(*date, now - kHalfADay);
    if (!later) return std::nullopt;
    return std::chrono::seconds(kHalfADay) - *later;
}

class Fetch {
  public:
    Fetch(const FetchOrder& order, HttpClient& client, const Clock& clock, std::stop_token stop)
        : order_(order), client_(client), clock_(clock), stop_(std::move(stop)) {}

    Fetched run() {
        std::string issuer = order_.issuer;
        if (const auto read = read_metadata(issuer, fetched_.jwks_uri); read.has_error()) {
            const bool pinned = !issuers_of(order_.login, order_.version).empty();
            const bool stopped = read.error().outcome == Outcome::Aborted;
            if (stopped || (order_.issuer.empty() && !pinned)) return failed(read.error());
            fetched_.jwks_uri = order_.jwks_uri.empty() ? usual_place() : order_.jwks_uri;
        }
        const auto document = get(fetched_.jwks_uri);
        if (document.has_error()) return failed(document.error());
        auto set = parse_key_set(
            *document, order_.login, order_.version, std::move(issuer), clock_.system_now()
        );
        if (!set) return failed({Outcome::Garbled, fetched_.jwks_uri + ": " + set.error().detail});
        fetched_.set = std::move(*set);
        return std::move(fetched_);
    }

  private:
    [[nodiscard]] std::string place(std::string_view end) const {
        std::string_view login = order_.login;
        while (login.ends_with('/')) login.remove_suffix(1);
        return fmt::format("{}/common/{}", login, end);
    }
    [[nodiscard]] std::string usual_place() const {
        return place(order_.version == Version::V1 ? "discovery/keys" : "discovery/v2.0/keys");
    }

    Got<std::string> get(const std::string& url) {
        HttpRequest request;
        request.url = url;
        request.headers = {{"Accept", "application/json"}};
        auto response = client_.send(request, stop_);
        if (!response) {
            Outcome outcome = Outcome::Unreachable;
            if (response.error().code == Errc::Aborted) outcome = Outcome::Aborted;
            if (response.error().code == Errc::Full) outcome = Outcome::Garbled;
            return Failure{outcome, url + ": " + response.error().detail};
        }
        if (const auto ahead = clock_ahead_by(*response, clock_.system_now()))
            fetched_.clock_ahead = ahead;
        if (response->status != 200)
            return Failure{Outcome::Refused, fmt::format("{}: status {}", url, response->status)};
        if (response->body.size() > kLargestDocument)
            return Failure{Outcome::Garbled, url + ": over 1 MiB"};
        return std::move(response->body);
    }

    Got<bool> read_metadata(std::string& issuer, std::string& jwks_uri) {
        const std::string url = place(
            order_.version == Version::V1 ? ".well-known/openid-configuration"
                                          : "v2.0/.well-known/openid-configuration"
        );
        const auto document = get(url);
        if (document.has_error()) return document.error();
        const auto garbled = [&url](std::string_view what) {
            return Failure{Outcome::Garbled, fmt::format("{}: {}", url, what)};
        };
        boost::system::error_code bad;
        const json::value value = json::parse(*document, bad);
        if (bad || !value.is_object()) return garbled("not a JSON object");
        const json::value* const named = value.get_object().if_contains("issuer");
        const json::value* const keys = value.get_object().if_contains("jwks_uri");
        if (named == nullptr || !named->is_string() || keys == nullptr || !keys->is_string())
            return garbled("no issuer or no jwks_uri");
        const std::string template_text(named->get_string());
        const std::string uri(keys->get_string());
        if (template_text.find(kTenantMark) == std::string::npos || template_text.size() > 512)
            return garbled("its issuer is not one of all tenants");
        if (!may_fetch_keys(order_.login, uri))
            return garbled("its jwks_uri leads elsewhere: " + for_log(uri));
        issuer = template_text;
        jwks_uri = uri;
        return true;
    }

    Fetched failed(const Failure& failure) {
        fetched_.outcome = failure.outcome;
        fetched_.detail = failure.detail;
        return std::move(fetched_);
    }

    const FetchOrder& order_;
    HttpClient& client_;
    const Clock& clock_;
    const std::stop_token stop_;
    Fetched fetched_;
};

}  // namespace

Fetched fetch_key_set(
    const FetchOrder& order, HttpClient& client, const Clock& clock, const std::stop_token& stop
) {
    return Fetch(order, client, clock, stop).run();
}

std::string_view to_string(Fetched::Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::Ok:
            return "ok";
        case Outcome::Unreachable:
            return "unreachable";
        case Outcome::Refused:
            return "refused";
        case Outcome::Garbled:
            return "garbled";
        case Outcome::Aborted:
            return "aborted";
    }
    return "aborted";
}

}  // namespace graphhook::authenticity
