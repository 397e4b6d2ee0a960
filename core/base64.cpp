#include "core/base64.hpp"

#include <array>
#include <cstdint>

namespace graphhook {
namespace {

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kStandardLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The value of each letter of either alphabet; 255: none.
constexpr std::array<std::uint8_t, 256> kValues = [] {
    std::array<std::uint8_t, 256> values{};
    values.fill(255);
    for (const auto letters : {kLetters, kStandardLetters}) {
        for (std::size_t i = 0; i < letters.size(); ++i)
            values[static_cast<unsigned char>(letters[i])] = static_cast<std::uint8_t>(i);
    }
    return values;
}();

template <class Byte>
std::string encode(std::span<const Byte> bytes, std::string_view letters) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    std::uint32_t bits = 0;
    int count = 0;
    for (const Byte byte : bytes) {
        bits = (bits << 8) | static_cast<unsigned char>(byte);
        count += 8;
        while (count >= 6) {
            count -= 6;
            text += letters[(bits >> count) & 63U];
        }
    }
    if (count > 0) text += letters[(bits << (6 - count)) & 63U];
    return text;
}

}  // namespace

std::string to_base64url(std::span<const unsigned char> bytes) {
    return encode(bytes, kLetters);
}

std::string to_base64url(std::string_view text) {
    return encode(std::span<const char>(text), kLetters);
}

std::string to_base64(std::span<const unsigned char> bytes) {
    std::string text = encode(bytes, kStandardLetters);
    text.append((4 - text.size() % 4) % 4, '=');
    return text;
}

std::string to_base64(std::string_view text) {
    return to_base64(std::span(reinterpret_cast<const unsigned char*>(text.data()), text.size()));
}

std::optional<std::string> from_base64(std::string_view text) {
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    if (text.size() % 4 == 1) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char letter : text) {
        const std::uint8_t value = kValues[static_cast<unsigned char>(letter)];
        if (value == 255) return std::nullopt;
        bits = (bits << 6) | value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes += static_cast<char>((bits >> count) & 255U);
        }
    }
    return bytes;
}

}  // namespace graphhook
