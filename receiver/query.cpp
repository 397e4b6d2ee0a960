#include "receiver/query.hpp"

#include "core/text.hpp"

#include <cstdint>

namespace graphhook::receiver {
namespace {

constexpr std::size_t kMostTokenBytes = 2'048;
constexpr std::string_view kName = "validationToken";

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    const char l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

bool may_be_echoed(std::string_view token) {
    if (token.empty() || token.size() > kMostTokenBytes || !is_utf8(token)) return false;
    return std::none_of(token.begin(), token.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f || c == '<' || c == '>';
    });
}

}  // namespace

std::optional<std::string> decode_form(std::string_view encoded) {
    std::string out;
    out.reserve(encoded.size());
    for (std::size_t i = 0; i < encoded.size(); ++i) {
        if (encoded[i] == '+') {
            out += ' ';
        } else if (encoded[i] == '%') {
            if (encoded.size() - i < 3) return std::nullopt;
            const int high = hex_digit(encoded[i + 1]);
            const int low = hex_digit(encoded[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            out += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            out += encoded[i];
        }
    }
    return out;
}

Handshake find_handshake(std::string_view query) {
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto parameter = query.substr(0, end);
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
        const auto equals = parameter.find('=');
        const auto name = decode_form(parameter.substr(0, equals));
        if (!name || !same_letters(*name, kName)) continue;
        const auto value = equals == std::string_view::npos
                               ? std::optional<std::string>()
                               : decode_form(parameter.substr(equals + 1));
        if (!value || !may_be_echoed(*value)) return {Handshake::Is::Refused, {}};
        return {Handshake::Is::Valid, *value};
    }
    return {};
}

}  // namespace graphhook::receiver
