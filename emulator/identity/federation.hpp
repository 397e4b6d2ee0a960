#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"
#include "emulator/identity/public_key.hpp"
#include "emulator/identity/signing_key.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace graphhook::emulator {

// An external issuer of our own, for workload identity federation in tests (protocol 9.3).

/// The issuer's key, kept in `directory` as federation.key, with federation.jwks beside it; made
/// there if it is missing. Errc::Failed or Errc::BadInput with the reason.
[[nodiscard]] Result<SigningKey> federation_key_in(const std::filesystem::path& directory);
/// What federation.jwks says; both files are made if they are missing.
[[nodiscard]] Result<std::vector<IssuerKey>> federation_keys_in(
    const std::filesystem::path& directory
);

struct FederatedToken {
    std::string issuer;
    std::string subject;
    std::string audience = "api://AzureADTokenExchange";
    std::chrono::seconds life{3600};
};
/// The JWT that the issuer gives the workload; good from `now` on.
[[nodiscard]] std::string mint(const SigningKey& key, const FederatedToken& token, SystemTime now);

}  // namespace graphhook::emulator
