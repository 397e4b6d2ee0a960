#pragma once

#include "emulator/identity/refusal.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace graphhook::emulator {

/// The `scope` of a token request, taken apart. Graph's own scopes may be written without
/// "https://graph.microsoft.com/".
struct ScopeRequest {
    /// "https://graph.microsoft.com"; what the token is for.
    std::string resource;
    /// "{resource}/.default": everything that is granted already.
    bool everything = false;
    /// "Mail.Read"
    std::vector<std::string> names;
    bool offline = false;  ///< offline_access: a refresh token, too
    bool openid = false;   ///< an id_token, too
};

/// AADSTS70011 for an empty scope, a mixture of `.default` and names, or two resources.
[[nodiscard]] Granted<ScopeRequest> read_scope(std::string_view text);

/// Whether tokens for this resource are taken by this emulator: Graph in any cloud (protocol 9.9),
/// Graph's application id, `base` (how the caller addressed us), or any address on loopback.
[[nodiscard]] bool is_graph(std::string_view resource, std::string_view base);

/// The client id that "api://{client id}" names, or that the resource is itself if it is a GUID;
/// empty for any other resource, Graph's application id too.
[[nodiscard]] std::string own_api(std::string_view resource);

/// Of two names in any case.
[[nodiscard]] bool same_text(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] std::string lower_text(std::string_view text);
[[nodiscard]] std::string joined(const std::vector<std::string>& words);

}  // namespace graphhook::emulator
