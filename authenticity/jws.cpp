#include "authenticity/jws.hpp"

#include "authenticity/strict.hpp"
#include "authenticity/token.hpp"
#include "core/strict_json.hpp"
#include "core/text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>

namespace graphhook::authenticity {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongestKid = 256;
/// Of `aud`; a token of the platform has one.
constexpr std::size_t kMostAudiences = 16;

/// Nothing: not base64url, not a JSON object, or one with a member twice.
std::optional<json::object> object_of(std::string_view part) {
    const auto text = from_strict_base64url(part);
    if (!text) return std::nullopt;
    boost::system::error_code bad;
    json::value value = json::parse(*text, bad);
    if (bad || !value.is_object()) return std::nullopt;
    const auto twice = members_twice(*text);
    if (!twice || !twice->empty()) return std::nullopt;
    return std::move(value.get_object());
}

/// Takes the claims out of an object, and notes when one is not what it has to be.
class Reader {
  public:
    explicit Reader(const json::object& object) : object_(object) {}

    void text(std::string_view name, std::string& into) {
        const auto value = optional_text(name);
        if (value) {
            into = *value;
        } else {
            good = false;
        }
    }
    std::optional<std::string> optional_text(std::string_view name) {
        const json::value* const value = object_.if_contains(name);
        if (value == nullptr) return std::nullopt;
        if (value->is_string()) return std::string(value->get_string());
        good = false;
        return std::nullopt;
    }
    void texts(std::string_view name, std::vector<std::string>& into) {
        const json::value* const value = object_.if_contains(name);
        if (value != nullptr && value->is_array()) {
            if (value->get_array().size() > kMostAudiences) {
                good = false;
                return;
            }
            for (const json::value& element : value->get_array()) {
                if (element.is_string()) {
                    into.emplace_back(element.get_string());
                } else {
                    good = false;
                }
            }
        } else {
            text(name, into.emplace_back());
        }
    }
    void time(std::string_view name, SystemTime& into) {
        constexpr std::int64_t kYear10000 = 253'402'300'800;
        const json::value* const value = object_.if_contains(name);
        if (value != nullptr && value->is_int64() && value->get_int64() >= 0 &&
            value->get_int64() < kYear10000) {
            into = SystemTime(std::chrono::seconds(value->get_int64()));
        } else {
            good = false;
        }
    }

    bool good = true;

  private:
    const json::object& object_;
};

/// Whether all of them are what they have to be; fills in what is.
bool read_claims(const json::object& object, Claims& claims) {
    Reader reader(object);
    reader.text("tid", claims.tenant_id);
    if (!is_guid(claims.tenant_id)) {
        reader.good = false;
        claims.tenant_id.clear();
    }
    reader.text("iss", claims.issuer);
    reader.texts("aud", claims.audience);
    claims.version = reader.optional_text("ver");
    claims.appid = reader.optional_text("appid");
    claims.azp = reader.optional_text("azp");
    reader.time("nbf", claims.not_before);
    reader.time("exp", claims.expires);
    return reader.good;
}

/// RFC 6749 3.3: printable ASCII without quote and backslash, with spaces between.
bool read_scopes(std::string_view text, std::vector<std::string>& into) {
    const bool good = std::ranges::all_of(text, [](char c) {
        return c >= ' ' && c <= '~' && c != '"' && c != '\\';
    });
    if (!good) return false;
    while (!text.empty()) {
        const auto space = text.find(' ');
        if (space != 0) into.emplace_back(text.substr(0, space));
        text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
    }
    return true;
}

std::optional<UserClaims> read_user(const json::object& object) {
    Reader reader(object);
    UserClaims user;
    reader.text("oid", user.user_id);
    const auto type = reader.optional_text("idtyp");
    const auto scopes = reader.optional_text("scp");
    if (!reader.good || !is_guid(user.user_id)) return std::nullopt;
    if (scopes && !read_scopes(*scopes, user.scopes)) return std::nullopt;
    if (type && *type != "user") user.scopes.clear();
    return user;
}

Reason read_header(const json::object& header, std::string& kid) {
    constexpr std::array<std::string_view, 5> kNever = {"crit", "jwk", "jku", "x5c", "x5u"};
    const bool brings_key =
        std::ranges::any_of(kNever, [&](std::string_view name) { return header.contains(name); });
    Reader reader(header);
    reader.text("kid", kid);
    const json::value* const alg = header.if_contains("alg");
    if (alg != nullptr && !alg->is_string()) return Reason::TokenMalformed;
    if (brings_key || alg == nullptr || alg->get_string() != "RS256") return Reason::TokenAlgorithm;
    if (!reader.good || kid.empty() || kid.size() > kLongestKid) {
        kid.clear();
        return Reason::TokenMalformed;
    }
    return Reason::None;
}

}  // namespace

Jws read_jws(std::string_view token) {
    Jws jws;
    jws.reason = Reason::TokenMalformed;
    if (token.size() > kLongestToken) return jws;
    const auto first = token.find('.');
    if (first == std::string_view::npos) return jws;
    const auto second = token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
        return jws;

    const auto header = object_of(token.substr(0, first));
    if (!header) return jws;
    const Reason by_header = read_header(*header, jws.kid);
    if (jws.kid.size() > kLongestKid) jws.kid.clear();
    const auto payload = object_of(token.substr(first + 1, second - first - 1));
    const bool claims = payload && read_claims(*payload, jws.claims);
    if (payload) jws.user = read_user(*payload);
    auto signature = from_strict_base64url(token.substr(second + 1));
    if (by_header != Reason::None) {
        jws.reason = by_header;
    } else if (claims && signature) {
        jws.reason = Reason::None;
        jws.signed_part = token.substr(0, second);
        jws.signature = std::move(*signature);
    }
    return jws;
}

}  // namespace graphhook::authenticity
