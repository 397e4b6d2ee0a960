#include "core/digest.hpp"

#include <openssl/sha.h>

#include <algorithm>

namespace graphhook {

Sha256 sha256(std::string_view data) noexcept {
    Sha256 digest;
    ::SHA256(
        reinterpret_cast<const unsigned char*>(data.data()), data.size(),
        reinterpret_cast<unsigned char*>(digest.data())
    );
    return digest;
}

Key128 key128(std::string_view data) noexcept {
    const Sha256 digest = sha256(data);
    Key128 key;
    std::copy_n(digest.begin(), key.size(), key.begin());
    return key;
}

std::string to_hex(std::span<const std::byte> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::byte byte : bytes) {
        text += kDigits[std::to_integer<std::size_t>(byte >> 4)];
        text += kDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
    }
    return text;
}

}  // namespace graphhook
