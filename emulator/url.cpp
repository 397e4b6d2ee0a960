#include "emulator/url.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>

#include <cctype>

namespace graphhook::emulator {
namespace {

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::string Url::authority() const {
    const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return port == (tls ? "443" : "80") ? name : name + ":" + port;
}

std::string Url::endpoint() const {
    return fmt::format("{}://{}:{}", tls ? "https" : "http", host, port);
}

Result<Url> parse_url(std::string_view text) {
    const auto parsed = boost::urls::parse_uri(boost::urls::string_view(text.data(), text.size()));
    if (!parsed) return fail(Errc::BadInput, "not a URL");
    Url url;
    url.tls = parsed->scheme_id() == boost::urls::scheme::https;
    if (!url.tls && parsed->scheme_id() != boost::urls::scheme::http)
        return fail(Errc::BadInput, "not an http URL");
    if (parsed->has_userinfo() || parsed->has_fragment())
        return fail(Errc::BadInput, "user or fragment in a URL");
    const auto host = parsed->encoded_host_address();
    url.host = std::string(host.data(), host.size());
    for (char& c : url.host) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (url.host.empty()) return fail(Errc::BadInput, "a URL without a host");
    const auto port = parsed->port();
    url.port = port.empty() ? (url.tls ? "443" : "80") : std::string(port.data(), port.size());
    if (parsed->has_port() && parsed->port_number() == 0) return fail(Errc::BadInput, "not a port");
    const auto target = parsed->encoded_target();
    url.target = std::string(target.data(), target.size());
    if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
    return url;
}

bool is_loopback(std::string_view host) noexcept {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::string form_encode(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == ' ') {
            encoded += '+';
        } else if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.') {
            encoded += c;
        } else {
            encoded += fmt::format("%{:02x}", byte);
        }
    }
    return encoded;
}

Result<std::string> form_decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+') {
            decoded += ' ';
        } else if (text[i] == '%') {
            if (i + 2 >= text.size())
                return fail(Errc::BadInput, "a percent sign without two digits");
            const int high = hex_digit(text[i + 1]);
            const int low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0)
                return fail(Errc::BadInput, "a percent sign without two digits");
            decoded += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            decoded += text[i];
        }
    }
    return decoded;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_form(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> fields;
    while (!text.empty()) {
        const auto end = text.find('&');
        const auto field = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        if (field.empty()) continue;
        const auto equals = field.find('=');
        auto name = form_decode(field.substr(0, equals));
        if (!name) return name.error();
        auto value = form_decode(
            equals == std::string_view::npos ? std::string_view{} : field.substr(equals + 1)
        );
        if (!value) return value.error();
        fields.emplace_back(std::move(*name), std::move(*value));
    }
    return fields;
}

}  // namespace graphhook::emulator
