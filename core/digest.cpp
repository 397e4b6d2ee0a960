#include "core/digest.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <exception>
#include <memory>

namespace graphhook {
namespace {

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

Sha256 sha256(std::string_view data) noexcept {
    // OpenSSL's one-call form looks the algorithm up by name each time, which costs more than to
    // hash what we hash. The algorithm is kept until the process ends.
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
    Sha256 digest;
    auto* const out = reinterpret_cast<unsigned char*>(digest.data());
    if (EVP_DigestInit_ex2(context.get(), algorithm, nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), data.data(), data.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), out, nullptr) != 1)
        std::terminate();  // out of memory, or a libcrypto without SHA-256
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
