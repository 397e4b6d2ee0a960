#include "emulator/identity/jwt.hpp"

#include "emulator/identity/base64.hpp"

#include <boost/json/parse.hpp>

namespace graphhook::emulator {
namespace {

constexpr std::size_t kLongest = 16'384;

std::optional<boost::json::object> object_of(std::string_view part) {
    const auto bytes = from_base64url(part);
    if (!bytes) return std::nullopt;
    boost::system::error_code error;
    auto json = boost::json::parse(*bytes, error);
    if (error || !json.is_object()) return std::nullopt;
    return std::move(json.as_object());
}

std::string text_in(const boost::json::object& json, std::string_view name) {
    const auto* value = json.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string{};
}

}  // namespace

std::string Jwt::header_text(std::string_view name) const {
    return text_in(header, name);
}
std::string Jwt::claim_text(std::string_view name) const {
    return text_in(claims, name);
}
std::optional<std::int64_t> Jwt::claim_time(std::string_view name) const {
    const auto* value = claims.if_contains(name);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    boost::system::error_code error;
    const auto seconds = value->to_number<std::int64_t>(error);
    if (error) return std::nullopt;
    return seconds;
}

std::optional<Jwt> parse_jwt(std::string_view text) {
    if (text.size() > kLongest) return std::nullopt;
    const auto first = text.find('.');
    if (first == std::string_view::npos) return std::nullopt;
    const auto second = text.find('.', first + 1);
    if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos)
        return std::nullopt;
    auto header = object_of(text.substr(0, first));
    auto claims = object_of(text.substr(first + 1, second - first - 1));
    auto signature = from_base64url(text.substr(second + 1));
    if (!header || !claims || !signature) return std::nullopt;
    Jwt jwt;
    jwt.header = std::move(*header);
    jwt.claims = std::move(*claims);
    jwt.signed_text = std::string(text.substr(0, second));
    jwt.signature = std::move(*signature);
    return jwt;
}

}  // namespace graphhook::emulator
