#include "subscriptions/credentials/client_proof.hpp"

#include "core/digest.hpp"
#include "core/file_state.hpp"
#include "core/log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace graphhook::subscriptions {
namespace {

constexpr std::string_view kAssertionType =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

class SecretProof final : public ClientProof {
  public:
    explicit SecretProof(Secret secret) : secret_(std::move(secret)) {}
    Result<std::monostate> add_to(Form& form) override {
        form.add("client_secret", secret_.reveal());
        return std::monostate{};
    }
    std::string key() const override { return "secret:" + to_hex(sha256(secret_.reveal())); }

  private:
    const Secret secret_;
};

class CertificateProof final : public ClientProof {
  public:
    CertificateProof(ClientCertificate files, ProofParts parts)
        : files_(std::move(files)), parts_(std::move(parts)) {
        (void)load();
    }
    Result<std::monostate> add_to(Form& form) override {
        const auto loaded = load();
        if (!loaded && !pair_) return loaded.error();
        if (!loaded) {
            log().warn(
                "the certificate's files are not usable now, those of before serve: tenant={} {}",
                parts_.tenant, loaded.error().detail
            );
        }
        std::string assertion = pair_->sign(
            files_.algorithm, {.audience = parts_.audience,
                               .client_id = parts_.client_id,
                               .id = make_guid(parts_.random),
                               .now = parts_.clock.system_now()}
        );
        if (assertion.empty())
            return fail(Errc::BadInput, files_.certificate_file + ": signing with its key failed");
        form.add("client_assertion_type", kAssertionType);
        form.add("client_assertion", assertion);
        wipe(assertion);
        return std::monostate{};
    }
    std::string files_state() const override {
        return file_state(files_.certificate_file) + "," + file_state(files_.private_key_file);
    }
    std::string key() const override {
        return fmt::format(
            "certificate:{}:{}:{}", static_cast<int>(files_.algorithm), files_.certificate_file,
            files_.private_key_file
        );
    }

  private:
    Result<std::monostate> load() {
        auto pair = KeyPair::load(files_);
        if (!pair) return pair.error();
        pair_ = std::move(*pair);
        if (parts_.metrics != nullptr)
            parts_.metrics->set_credential_expiry(parts_.tenant, "certificate", pair_->not_after());
        return std::monostate{};
    }

    const ClientCertificate files_;
    const ProofParts parts_;
    std::optional<KeyPair> pair_;
};

class FederatedProof final : public ClientProof {
  public:
    explicit FederatedProof(std::string file) : file_(std::move(file)) {}
    Result<std::monostate> add_to(Form& form) override {
        std::ifstream in(file_, std::ios::binary);
        if (!in) return fail(Errc::BadInput, fmt::format("{}: {}", file_, std::strerror(errno)));
        std::string token(64u * 1024u + 1, '\0');
        in.read(token.data(), static_cast<std::streamsize>(token.size()));
        token.resize(static_cast<std::size_t>(in.gcount()));
        while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back())) != 0)
            token.pop_back();
        const bool usable =
            !token.empty() && token.size() <= 64u * 1024u && std::ranges::count(token, '.') == 2 &&
            std::ranges::all_of(token, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
        if (usable) {
            form.add("client_assertion_type", kAssertionType);
            form.add("client_assertion", token);
        }
        wipe(token);
        if (!usable) return fail(Errc::BadInput, file_ + ": does not hold a signed token");
        return std::monostate{};
    }
    std::string files_state() const override { return file_state(file_); }
    std::string key() const override { return "federated:" + file_; }

  private:
    const std::string file_;
};

}  // namespace

std::unique_ptr<ClientProof> prove_by(const ClientSecret& secret) {
    return std::make_unique<SecretProof>(secret.secret);
}

std::unique_ptr<ClientProof> prove_by(const ClientCertificate& certificate, ProofParts parts) {
    return std::make_unique<CertificateProof>(certificate, std::move(parts));
}

std::unique_ptr<ClientProof> prove_by(const FederatedToken& token) {
    return std::make_unique<FederatedProof>(token.token_file);
}

std::string make_guid(const RandomHex& random) {
    std::string hex = random(16);
    hex.resize(32, '0');
    hex[12] = '4';
    hex[16] = '8';
    return fmt::format(
        "{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4), hex.substr(16, 4),
        hex.substr(20, 12)
    );
}

}  // namespace graphhook::subscriptions
