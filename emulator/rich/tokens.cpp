#include "emulator/rich/tokens.hpp"

#include "core/base64.hpp"
#include "core/secret.hpp"
#include "emulator/subscription.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace graphhook::emulator {
namespace {

using boost::json::object;

/// Microsoft Graph Change Tracking.
constexpr std::string_view kPublisher = "0bf30f3b-4a52-48df-9a82-234910c4a086";
constexpr std::string_view kConsumers = "9188040d-6c67-4c5b-b112-36a304b66dad";
constexpr std::size_t kMostKept = 10'000;

std::string issuer(TokenVersion version, std::string_view tenant) {
    return version == TokenVersion::V1
               ? fmt::format("https://sts.windows.net/{}/", tenant)
               : fmt::format("https://login.microsoftonline.com/{}/v2.0", tenant);
}

}  // namespace

std::int64_t ValidationTokens::now() const {
    const auto since = clock_.system_now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(since).count() + offset_.count();
}

TokenVersion ValidationTokens::next_version() {
    if (options_.version) return *options_.version;
    last_was_v1_ = !last_was_v1_;
    return last_was_v1_ ? TokenVersion::V1 : TokenVersion::V2;
}

object ValidationTokens::claims(const TokenOwner& owner, TokenVersion version) const {
    const auto at = now();
    const auto principal = guid_of(fmt::format("change tracking in {}", owner.tenant));
    object made;
    made["aud"] = owner.app;
    made["iss"] = issuer(version, owner.tenant);
    made["iat"] = at;
    made["nbf"] = at;
    made["exp"] = at + options_.life.count();
    made["aio"] = to_base64url(random_hex(8));
    if (version == TokenVersion::V1) {
        made["appid"] = kPublisher;
        made["appidacr"] = "2";
        made["idp"] = issuer(version, owner.tenant);
    } else {
        made["azp"] = kPublisher;
        made["azpacr"] = "2";
    }
    made["oid"] = principal;
    made["rh"] = fmt::format("0.{}.", to_base64url(owner.tenant));
    made["sub"] = principal;
    made["tid"] = owner.tenant;
    made["uti"] = to_base64url(random_hex(8));
    made["ver"] = version == TokenVersion::V1 ? "1.0" : "2.0";
    return made;
}

const std::string& ValidationTokens::genuine(const TokenOwner& owner, TokenVersion version) {
    const std::pair key{owner, version};
    const auto at = now();
    auto it = kept_.find(key);
    if (it == kept_.end()) {
        if (kept_.size() >= kMostKept) kept_.clear();
        it = kept_.emplace(key, Kept{}).first;
    }
    Kept& kept = it->second;
    if (kept.text.empty() || at >= kept.renew_at || kept.key_version != keys_.version()) {
        kept.text = keys_.signing().sign(claims(owner, version));
        const auto life = options_.life.count();
        kept.renew_at = at + life - std::min<std::int64_t>(3'600, life / 2);
        kept.key_version = keys_.version();
    }
    return kept.text;
}

const SigningKey& ValidationTokens::made_once(std::optional<SigningKey>& key) {
    if (!key) key = SigningKey::make().value();
    return *key;
}

object ValidationTokens::foreign_key_set() {
    boost::json::array keys;
    keys.push_back(made_once(foreign_).to_jwk("https://login.microsoftonline.com/{tenantid}/v2.0"));
    return {{"keys", std::move(keys)}};
}

std::optional<object> ValidationTokens::consumer_key() const {
    if (!consumer_) return std::nullopt;
    return consumer_->to_jwk(issuer(TokenVersion::V2, kConsumers));
}

void ValidationTokens::set_offset(std::chrono::seconds offset) {
    offset_ = offset;
    kept_.clear();
}

void ValidationTokens::reset() {
    kept_.clear();
    consumer_.reset();
    offset_ = std::chrono::seconds(0);
}

}  // namespace graphhook::emulator
