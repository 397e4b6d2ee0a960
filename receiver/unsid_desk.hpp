#pragma once

#include "core/clock.hpp"
#include "core/mailbox.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace graphhook::receiver {

/// Whose access token it is: the token's `tid` and `oid`, never anything that a body says.
struct UnsidUser {
    std::string tenant_id, user_id;  ///< GUIDs, lower case.
    std::string client_id;           ///< The app that the user signed in to; lower case.
};

/// What was found of a bearer token.
struct BearerAnswer {
    enum class Is : std::uint8_t {
        User,
        Invalid,      ///< 401 invalid_token (RFC 6750 3.1)
        NoScope,      ///< 403 insufficient_scope: no user's token, or without the scope wanted
        NotProvable,  ///< 503: the key sets are out of reach, or just being fetched
    };
    Is is = Is::Invalid;
    UnsidUser user;      ///< Of `User`.
    std::string why;     ///< Of the others, one line: for the reply and the log; nothing of the
                         ///< token in it.
    std::string reason;  ///< The same as a label: "token_expired".
};

/// An UNSID as a client app hands it in.
struct UnsidForm {
    std::string unsid;
    std::string platform;  ///< "windows", "ios", "android", "webpush"
    SystemTime expires_at;
};

/// Who keeps UNSIDs; app implements it.
class UnsidDesk {
  public:
    virtual ~UnsidDesk() = default;
    /// Called on threads that may compute, several at once; must not wait.
    [[nodiscard]] virtual BearerAnswer who(std::string_view bearer) = 0;
    /// Durable when completed; true: it was there and is renewed. Errc::Full, Errc::Busy: not now.
    virtual void put(UnsidUser user, UnsidForm form, Completion<bool> done) = 0;
    /// Durable when completed, whether it was there or not.
    virtual void withdraw(UnsidUser user, std::string unsid, Completion<std::monostate> done) = 0;
};

}  // namespace graphhook::receiver
