#include "receiver/media_type.hpp"

#include "core/text.hpp"

namespace graphhook::receiver {

bool says_json(std::string_view content_type) noexcept {
    const auto type = trimmed(content_type.substr(0, content_type.find(';')));
    return same_letters(type, "application/json") ||
           (type.size() > 5 && same_letters(type.substr(type.size() - 5), "+json"));
}

bool says_identity(std::string_view content_encoding) noexcept {
    return content_encoding.empty() || same_letters(content_encoding, "identity");
}

}  // namespace graphhook::receiver
