#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "subscriptions/credentials/certificate.hpp"
#include "subscriptions/credentials/token_request.hpp"
#include "subscriptions/credentials/token_source.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"

#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace graphhook::subscriptions {

/// How an application proves itself in a token request. Called by one thread at a time.
class ClientProof {
  public:
    virtual ~ClientProof() = default;
    /// Errc::BadInput: what is wrong with which file.
    [[nodiscard]] virtual Result<std::monostate> add_to(Form& form) = 0;
    [[nodiscard]] virtual std::string files_state() const { return {}; }
    /// Tells two proofs apart without giving them away.
    [[nodiscard]] virtual std::string key() const = 0;
};

struct ProofParts {
    std::string tenant;  ///< Configured name, for messages.
    std::string client_id;
    std::string audience;  ///< The token endpoint.
    Clock& clock;
    RandomHex random;
    /// Told of the certificate's end; null: nobody is.
    Metrics* metrics = nullptr;
};

[[nodiscard]] std::unique_ptr<ClientProof> prove_by(const ClientSecret& secret);
/// Both files are read for every request. While they do not fit each other (one was replaced, the
/// other not yet), the last pair that did serves.
[[nodiscard]] std::unique_ptr<ClientProof> prove_by(
    const ClientCertificate& certificate, ProofParts parts
);
/// The file is read for every request.
[[nodiscard]] std::unique_ptr<ClientProof> prove_by(const FederatedToken& token);

/// A version-4 GUID.
[[nodiscard]] std::string make_guid(const RandomHex& random);

}  // namespace graphhook::subscriptions
