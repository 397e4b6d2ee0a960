#include "subscriptions/credentials/base64url.hpp"

#include <cstdint>

namespace graphhook::subscriptions {
namespace {

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

template <class Byte>
std::string encode(std::span<const Byte> bytes) {
    std::string text;
    text.reserve((bytes.size() * 4 + 2) / 3);
    std::uint32_t bits = 0;
    int count = 0;
    for (const Byte byte : bytes) {
        bits = (bits << 8) | static_cast<unsigned char>(byte);
        count += 8;
        while (count >= 6) {
            count -= 6;
            text += kLetters[(bits >> count) & 63U];
        }
    }
    if (count > 0) text += kLetters[(bits << (6 - count)) & 63U];
    return text;
}

}  // namespace

std::string to_base64url(std::span<const unsigned char> bytes) {
    return encode(bytes);
}

std::string to_base64url(std::string_view text) {
    return encode(std::span<const char>(text));
}

std::optional<std::string> from_base64(std::string_view text) {
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    if (text.size() % 4 == 1) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    int count = 0;
    for (char letter : text) {
        if (letter == '+') letter = '-';
        if (letter == '/') letter = '_';
        const auto value = kLetters.find(letter);
        if (value == std::string_view::npos) return std::nullopt;
        bits = (bits << 6) | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes += static_cast<char>((bits >> count) & 255U);
        }
    }
    return bytes;
}

}  // namespace graphhook::subscriptions
