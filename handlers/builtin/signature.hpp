#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graphhook::handlers {

/// Signs requests in the manner of Standard Webhooks: HMAC-SHA256 over "<id>.<seconds>.<body>".
class Signer {
  public:
    /// "whsec_" and base64, or any other text, whose bytes are then the key. Errc::BadInput: what
    /// follows whsec_ is not base64.
    [[nodiscard]] static Result<Signer> make(const Secret& secret);

    /// webhook-id, webhook-timestamp and webhook-signature ("v1,<base64>").
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> headers(
        std::string_view id, SystemTime now, std::string_view body
    ) const;

  private:
    explicit Signer(Secret key) : key_(std::move(key)) {}
    Secret key_;
};

}  // namespace graphhook::handlers
