#pragma once

#include "subscriptions/credentials/client_proof.hpp"
#include "subscriptions/credentials/token_cache.hpp"
#include "subscriptions/credentials/token_request.hpp"
#include "subscriptions/options.hpp"

#include <memory>
#include <string>

namespace graphhook::subscriptions {

/// The application's own tokens (RFC 6749, 4.4), whatever it proves itself by.
class ApplicationFlow final : public TokenFlow {
  public:
    ApplicationFlow(
        const Tenant& tenant, TokenEndpoint endpoint, std::unique_ptr<ClientProof> proof
    );
    [[nodiscard]] GraphResult<FreshToken> fetch(std::string_view claims, std::stop_token stop)
        override;
    [[nodiscard]] std::string files_state() const override { return proof_->files_state(); }

  private:
    const std::string client_id_;
    const std::string scope_;
    TokenEndpoint endpoint_;
    const std::unique_ptr<ClientProof> proof_;
};

/// A signed-in user's tokens (RFC 6749, 6). A new refresh token is durable in the file before the
/// access token that came with it is used. A sign-in that is not valid any more is not asked about
/// again until the file changes.
class SignedInUserFlow final : public TokenFlow {
  public:
    /// `proof`: null for a public client.
    SignedInUserFlow(
        const Tenant& tenant, TokenEndpoint endpoint, std::unique_ptr<ClientProof> proof, Wait wait
    );
    [[nodiscard]] GraphResult<FreshToken> fetch(std::string_view claims, std::stop_token stop)
        override;
    [[nodiscard]] std::string files_state() const override;
    [[nodiscard]] bool only_a_new_file_helps(const GraphError&) const override { return ended_; }

  private:
    const std::string client_id_;
    const Cloud cloud_;
    const SignedInUser user_;
    TokenEndpoint endpoint_;
    const std::unique_ptr<ClientProof> proof_;
    Wait wait_;
    bool ended_ = false;  ///< What the last fetch found.
};

/// How that credential proves the application; null: not at all (a public client), or it is a
/// managed identity.
[[nodiscard]] std::unique_ptr<ClientProof> proof_of(const Tenant& tenant, ProofParts parts);

}  // namespace graphhook::subscriptions
