#include "core/secret.hpp"

#include "core/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <exception>
#include <vector>

namespace graphhook {

// A moved-from short string would keep its characters: copy, then wipe.
Secret::Secret(Secret&& other) noexcept {
    *this = std::move(other);
}

Secret& Secret::operator=(const Secret& other) {
    if (this != &other) {
        wipe();
        value_ = other.value_;
    }
    return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        wipe();
        value_ = other.value_;
        other.wipe();
    }
    return *this;
}

Secret::~Secret() {
    wipe();
}

void Secret::wipe() noexcept {
    if (!value_.empty()) ::OPENSSL_cleanse(value_.data(), value_.size());
    value_.clear();
}

bool Secret::equals(std::string_view other) const noexcept {
    return equal_in_constant_time(
        std::as_bytes(std::span(value_)), std::as_bytes(std::span(other))
    );
}

bool equal_in_constant_time(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
    return a.size() == b.size() &&
           (a.empty() || ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

std::string random_hex(std::size_t bytes) {
    std::vector<unsigned char> raw(bytes);
    if (::RAND_bytes(raw.data(), static_cast<int>(raw.size())) != 1) std::terminate();
    return to_hex(std::as_bytes(std::span(raw)));
}

}  // namespace graphhook
