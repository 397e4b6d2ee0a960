#include "subscriptions/credentials/token_flows.hpp"

#include "core/file_state.hpp"
#include "core/log.hpp"
#include "subscriptions/credentials/sign_in_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace graphhook::subscriptions {
namespace {

GraphError unusable(const std::string& tenant, const Error& error) {
    GraphError result;
    result.next = Next::Credentials;
    if (error.code == Errc::Aborted) result.next = Next::Aborted;
    if (error.code == Errc::Locked || error.code == Errc::Full || error.code == Errc::Failed)
        result.next = Next::RetryLater;
    result.message = fmt::format("no token for tenant {}: {}", tenant, for_log(error.detail, 300));
    return result;
}

/// OAuth's names for "the user must act".
bool is_the_users(std::string_view refusal) {
    constexpr std::array<std::string_view, 4> kNames{
        "invalid_grant", "interaction_required", "consent_required", "login_required"
    };
    return std::ranges::find(kNames, refusal) != kNames.end();
}

}  // namespace

ApplicationFlow::ApplicationFlow(
    const Tenant& tenant, TokenEndpoint endpoint, std::unique_ptr<ClientProof> proof
)
    : client_id_(tenant.client_id),
      scope_(scope_text(tenant.cloud, {}, false)),
      endpoint_(std::move(endpoint)),
      proof_(std::move(proof)) {
}

GraphResult<FreshToken> ApplicationFlow::fetch(std::string_view claims, std::stop_token stop) {
    Form form;
    form.add("client_id", client_id_);
    form.add("scope", scope_);
    if (const auto proved = proof_->add_to(form); !proved)
        return unusable(endpoint_.tenant, proved.error());
    form.add("grant_type", "client_credentials");
    if (!claims.empty()) form.add("claims", claims);
    auto reply = post_form(endpoint_, form, std::move(stop));
    if (!reply) return reply.error();
    return std::move(reply->token);
}

SignedInUserFlow::SignedInUserFlow(
    const Tenant& tenant, TokenEndpoint endpoint, std::unique_ptr<ClientProof> proof, Wait wait
)
    : client_id_(tenant.client_id),
      cloud_(tenant.cloud),
      user_(std::get<SignedInUser>(tenant.credential)),
      endpoint_(std::move(endpoint)),
      proof_(std::move(proof)),
      wait_(std::move(wait)) {
}

std::string SignedInUserFlow::files_state() const {
    std::string state = file_state(user_.token_file);
    if (proof_) state += "," + proof_->files_state();
    return state;
}

GraphResult<FreshToken> SignedInUserFlow::fetch(std::string_view claims, std::stop_token stop) {
    ended_ = false;
    const auto lock = SignInLock::take(user_.token_file, wait_, stop);
    if (!lock) return unusable(endpoint_.tenant, lock.error());
    // Read under the lock: another process may just have replaced it.
    auto sign_in = read_sign_in(user_.token_file);
    if (!sign_in) {
        ended_ = sign_in.error().code == Errc::NotFound;
        return unusable(endpoint_.tenant, sign_in.error());
    }
    if (!sign_in->client_id.empty() && sign_in->client_id != client_id_) {
        ended_ = true;
        return unusable(
            endpoint_.tenant,
            fail(
                Errc::BadInput, user_.token_file + ": a sign-in to another app (client_id): run "
                                                   "graphhook login"
            )
        );
    }
    Form form;
    form.add("client_id", client_id_);
    const bool of_the_login = user_.scopes.empty() && !sign_in->scope.empty();
    form.add("scope", of_the_login ? sign_in->scope : scope_text(cloud_, user_.scopes, true));
    form.add("refresh_token", sign_in->refresh_token.reveal());
    form.add("grant_type", "refresh_token");
    if (proof_) {
        if (const auto proved = proof_->add_to(form); !proved)
            return unusable(endpoint_.tenant, proved.error());
    }
    if (!claims.empty()) form.add("claims", claims);
    std::string refusal;
    auto reply = post_form(endpoint_, form, std::move(stop), &refusal);
    if (!reply) {
        ended_ = is_the_users(refusal);
        GraphError error = reply.error();
        if (ended_ && error.message.find("graphhook login") == std::string::npos)
            error.message += "; then run graphhook login";
        return error;
    }
    const std::string_view renewed = reply->refresh_token.reveal();
    if (!renewed.empty() && !sign_in->refresh_token.equals(renewed)) {
        sign_in->refresh_token = std::move(reply->refresh_token);
        sign_in->client_id = client_id_;
        if (const auto stored = store_sign_in(user_.token_file, *sign_in); !stored)
            return unusable(endpoint_.tenant, stored.error());
    }
    return std::move(reply->token);
}

std::unique_ptr<ClientProof> proof_of(const Tenant& tenant, ProofParts parts) {
    const auto* user = std::get_if<SignedInUser>(&tenant.credential);
    if (const auto* secret = std::get_if<ClientSecret>(&tenant.credential))
        return prove_by(*secret);
    if (const auto* certificate = std::get_if<ClientCertificate>(&tenant.credential))
        return prove_by(*certificate, std::move(parts));
    if (const auto* token = std::get_if<FederatedToken>(&tenant.credential))
        return prove_by(*token);
    if (user != nullptr && user->secret) return prove_by(*user->secret);
    if (user != nullptr && user->certificate) return prove_by(*user->certificate, std::move(parts));
    return nullptr;
}

}  // namespace graphhook::subscriptions
