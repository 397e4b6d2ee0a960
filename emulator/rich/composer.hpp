#pragma once

#include "emulator/outbox.hpp"
#include "emulator/rich/encryption.hpp"
#include "emulator/rich/tokens.hpp"

#include <optional>
#include <string>
#include <vector>

namespace graphhook::emulator {

/// Whether both may be in one POST: not if one wants the token to be missing or forged that proves
/// the other.
[[nodiscard]] bool may_travel_together(const Item& one, const Item& other);

/// Writes the bodies of POSTs that carry resource data: encrypted content for each such item, and
/// one validation token for each app and tenant among them (protocol 7.3, 7.7). One thread.
class Composer {
  public:
    explicit Composer(ValidationTokens& tokens) : tokens_(tokens) {}

    [[nodiscard]] std::string body(const std::vector<Item>& items);

  private:
    [[nodiscard]] const EncryptionCertificate& strange();
    [[nodiscard]] EncryptedContent content(const Item& item);
    [[nodiscard]] std::vector<std::optional<EncryptedContent>> contents(
        const std::vector<Item>& items
    );
    void add_tokens(std::string& body, const std::vector<Item>& items);

    ValidationTokens& tokens_;
    EncryptionCertificatePtr strange_;
};

}  // namespace graphhook::emulator
