#include "handlers/builtin/signature.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <chrono>

namespace graphhook::handlers {
namespace {

constexpr std::string_view kPrefix = "whsec_";

std::string to_base64(const unsigned char* data, std::size_t size) {
    std::string text(4 * ((size + 2) / 3) + 1, '\0');
    const int length = ::EVP_EncodeBlock(
        reinterpret_cast<unsigned char*>(text.data()), data, static_cast<int>(size)
    );
    text.resize(static_cast<std::size_t>(length));
    return text;
}

Result<Secret> from_base64(std::string_view text) {
    std::string key(text.size() / 4 * 3, '\0');
    const int length =
        text.size() % 4 != 0 || text.empty()
            ? -1
            : ::EVP_DecodeBlock(
                  reinterpret_cast<unsigned char*>(key.data()),
                  reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size())
              );
    if (length < 0) return fail(Errc::BadInput, "the secret after whsec_ is not base64");
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    key.resize(static_cast<std::size_t>(length) - padding);
    return Secret(std::move(key));
}

}  // namespace

Result<Signer> Signer::make(const Secret& secret) {
    const auto text = secret.reveal();
    if (!text.starts_with(kPrefix)) return Signer(secret);
    auto key = from_base64(text.substr(kPrefix.size()));
    if (key.has_error()) return key.error();
    return Signer(std::move(*key));
}

std::vector<std::pair<std::string, std::string>> Signer::headers(
    std::string_view id, SystemTime now, std::string_view body
) const {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    const std::string to_sign = fmt::format("{}.{}.{}", id, seconds, body);
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned int size = 0;
    const auto key = key_.reveal();
    ::HMAC(
        ::EVP_sha256(), key.data(), static_cast<int>(key.size()),
        reinterpret_cast<const unsigned char*>(to_sign.data()), to_sign.size(), mac.data(), &size
    );
    return {
        {"webhook-id", std::string(id)},
        {"webhook-timestamp", std::to_string(seconds)},
        {"webhook-signature", "v1," + to_base64(mac.data(), size)}
    };
}

}  // namespace graphhook::handlers
