#pragma once

#include "authenticity/token.hpp"

#include <boost/json/object.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::authenticity::test {

/// 2026-11-21T08:00:00Z
inline constexpr SystemTime kNow{std::chrono::seconds(1'795'248'000)};
inline const std::string kTenant = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
inline const std::string kOtherTenant = "5c2d3e4f-0000-4000-8000-00000000abcd";
inline const std::string kConsumerTenant = "9188040d-6c67-4c5b-b112-36a304b66dad";
inline const std::string kApp = "8e460676-ae3f-4b1e-8790-ee0fb5d6148f";
inline const std::string kOtherApp = "11111111-2222-4333-8444-555555555555";
inline const std::string kForeignApp = "99999999-2222-4333-8444-555555555555";
inline const std::string kLogin = "https://login.microsoftonline.com";
inline const std::string kV1Issuer = "https://sts.windows.net/{tenantid}/";
inline const std::string kV2Issuer = "https://login.microsoftonline.com/{tenantid}/v2.0";

/// An RSA key of 2,048 bits.
class TestKey {
  public:
    explicit TestKey(std::string kid, unsigned bits = 2'048);

    [[nodiscard]] const std::string& kid() const { return kid_; }
    /// As it stands in a key set.
    [[nodiscard]] boost::json::object jwk(const std::string& issuer = kV2Issuer) const;
    /// PEM of the public half.
    [[nodiscard]] std::string public_pem() const;
    /// With PKCS#1 v1.5 and that digest; PSS if `pss`.
    [[nodiscard]] std::string sign(
        std::string_view text, const char* digest = "SHA256", bool pss = false
    ) const;

  private:
    std::string kid_;
    std::shared_ptr<EVP_PKEY> key_;
};
/// Made when first asked for, once a process.
const TestKey& graph_key();
const TestKey& other_key();
const TestKey& consumer_key();

/// A token before it is signed.
struct Draft {
    boost::json::object header;
    boost::json::object claims;

    [[nodiscard]] std::string signed_part() const;
    [[nodiscard]] std::string signed_by(const TestKey& key) const;
};
/// A genuine one of version 2.0: valid for a day since ten minutes before kNow.
Draft v2_draft();
Draft v1_draft();
/// Of v2_draft, changed.
std::string v2_token(const std::function<void(Draft&)>& change = [](Draft&) {});
std::string v1_token(const std::function<void(Draft&)>& change = [](Draft&) {});

/// The template with a tenant in it.
std::string issuer_of(std::string text, const std::string& tenant = kTenant);

/// `header` and `claims` as they are.
std::string raw_token(std::string_view header, std::string_view claims, const TestKey& key);

/// {"keys": […]}
std::string jwks(const std::vector<boost::json::object>& keys);
KeySet key_set(
    const std::vector<boost::json::object>& keys, Version version, SystemTime fetched_at = kNow
);
/// Both sets of the global cloud with graph_key in each, and the consumers' key in v2.
KeySets usual_sets(SystemTime fetched_at = kNow);

/// kApp in two tenants, kOtherApp in one.
std::vector<Expected> ours();
inline Expected usual() {
    return {.tenant_id = kTenant, .client_id = kApp, .login = kLogin};
}

/// ["…", "…"]
std::string array_of(const std::vector<std::string>& tokens);
/// What becomes of an item of `usual()` that came with these at kNow.
Reason item_reason(
    const std::string& tokens_json, const KeySets& sets = usual_sets(), SystemTime received = kNow,
    bool clock_doubtful = false
);

}  // namespace graphhook::authenticity::test
