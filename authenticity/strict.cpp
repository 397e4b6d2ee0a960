#include "authenticity/strict.hpp"

#include "core/base64.hpp"

namespace graphhook::authenticity {

std::optional<std::string> from_strict_base64url(std::string_view text) {
    auto bytes = from_base64(text);
    if (!bytes || to_base64url(*bytes) != text) return std::nullopt;
    return bytes;
}

}  // namespace graphhook::authenticity
