#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace graphhook::receiver {

/// Decodes one name or value of a query string as HTML forms do: '+' is a space, "%XX" a byte, in
/// one pass. nullopt for a '%' that two hex digits do not follow.
[[nodiscard]] std::optional<std::string> decode_form(std::string_view encoded);

/// What a query string says about a handshake.
struct Handshake {
    enum class Is {
        Absent,   ///< No validationToken: an ordinary delivery.
        Valid,    ///< `token` is what to send back, byte for byte.
        Refused,  ///< There is one, but nothing that we would echo: 400.
    } is = Is::Absent;
    std::string token;
};

/// Looks for `validationToken` (any position, any case of letters, the first one counts). Refused:
/// empty, over 2,048 bytes, malformed encoding, not UTF-8, control characters, '<' or '>'. `query`
/// is what follows the '?'.
[[nodiscard]] Handshake find_handshake(std::string_view query);

}  // namespace graphhook::receiver
