#include "receiver/query.hpp"

#include "receiver/text.hpp"

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

bool is_utf8(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        std::size_t length = 0;
        std::uint32_t code = 0;
        std::uint32_t least = 0;
        if ((lead & 0xe0) == 0xc0) {
            length = 2, code = lead & 0x1fu, least = 0x80;
        } else if ((lead & 0xf0) == 0xe0) {
            length = 3, code = lead & 0x0fu, least = 0x800;
        } else if ((lead & 0xf8) == 0xf0) {
            length = 4, code = lead & 0x07u, least = 0x10000;
        } else {
            return false;
        }
        if (text.size() - i < length) return false;
        for (std::size_t k = 1; k < length; ++k) {
            const auto byte = static_cast<unsigned char>(text[i + k]);
            if ((byte & 0xc0) != 0x80) return false;
            code = code << 6 | (byte & 0x3fu);
        }
        if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
        i += length;
    }
    return true;
}

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
