#include "receiver/judge.hpp"

#include "core/text.hpp"
#include "core/time_text.hpp"
#include "store/identity.hpp"
#include "store/resource.hpp"

#include <algorithm>
#include <cstring>

namespace graphhook::receiver {
namespace {

constexpr std::size_t kMostChangeBytes = 64;

/// A GUID's length and dashes: what may be compared with another one.
bool is_guid(std::string_view text) noexcept {
    return text.size() == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' &&
           text[23] == '-';
}

bool is_foreign(const PayloadItem& item, const store::Known& known, const TenantIds& tenant_ids) {
    const std::string_view named =
        item.tenant_id.empty() ? std::string_view(item.organization_id) : item.tenant_id;
    if (!is_guid(named)) return false;
    const auto ours = tenant_ids.find(known.family->tenant);
    return ours != tenant_ids.end() && is_guid(ours->second) && !same_letters(named, ours->second);
}

LookedUp check(const PayloadItem& item, store::KnownPtr known, const TenantIds& tenant_ids) {
    if (!item.has_state || !equal_in_constant_time(item.state_hash, known->state_hash))
        return {nullptr, Refusal::ClientState};
    if (is_foreign(item, *known, tenant_ids)) return {nullptr, Refusal::ForeignTenant};
    return {std::move(known), std::nullopt};
}

/// Fields of a hash, each ended by a byte that JSON text in UTF-8 never holds.
void add_field(std::string& to, std::string_view field) {
    to += field;
    to += '\xff';
}

/// What proves a rich item is a part of what it is; of a fixed length, so that it needs no end.
void add_hash(std::string& to, const Sha256& hash) {
    to.append(reinterpret_cast<const char*>(hash.data()), hash.size());
}

std::optional<Key128> identity_of(
    const PayloadItem& item, std::string_view subscription, std::string_view change,
    std::string_view normalised, std::uint64_t order_key, PostTokens& tokens, std::string& scratch
) {
    scratch.clear();
    if (item.rich) {
        add_field(scratch, "rich");
        add_hash(scratch, tokens.hash());
        add_hash(scratch, item.content_hash);
    }
    if (!item.id.empty()) {
        add_field(scratch, "id");
        add_field(scratch, subscription);
        add_field(scratch, item.id);
        return key128(scratch);
    }
    if (item.data_id.empty() ||
        (item.etag.empty() && item.sequence.empty() && item.event_time.empty()))
        return std::nullopt;
    add_field(scratch, "content");
    add_field(scratch, subscription);
    add_field(scratch, change);
    add_field(scratch, normalised);
    add_field(scratch, item.data_id);
    add_field(scratch, item.etag);
    add_field(scratch, item.sequence);
    add_field(scratch, item.event_time);
    const std::uint64_t content = first64(key128(scratch));
    Key128 identity;
    std::memcpy(identity.data(), &order_key, sizeof order_key);
    std::memcpy(identity.data() + sizeof order_key, &content, sizeof content);
    return identity;
}

std::optional<Key128> fold_of(
    const PayloadItem& item, std::string_view subscription, std::string_view change,
    std::string& scratch
) {
    if (!item.says_nothing || item.rich) return std::nullopt;
    scratch.clear();
    add_field(scratch, "fold");
    add_field(scratch, subscription);
    add_field(scratch, change);
    add_field(scratch, store::canonical_resource(item.resource));
    add_field(scratch, item.others);
    return key128(scratch);
}

/// Nothing where it does not say which state of which object it tells of.
std::optional<Key128> version_of(
    const PayloadItem& item, const store::KnownFamily& family, std::string_view change
) {
    const bool removed = change == "deleted";
    if (item.rich) return std::nullopt;
    if (item.data_id.empty() || (item.etag.empty() && !removed)) return std::nullopt;
    return store::version_key(family.name, item.data_id, item.etag, removed);
}

}  // namespace

std::string_view to_string(Refusal refusal) noexcept {
    switch (refusal) {
        case Refusal::NotAnObject:
            return "not_an_object";
        case Refusal::NoSubscriptionId:
            return "no_subscription_id";
        case Refusal::ValidationMessage:
            return "validation_message";
        case Refusal::Ambiguous:
            return "ambiguous";
        case Refusal::UnknownSubscription:
            return "unknown_subscription";
        case Refusal::ClientState:
            return "client_state";
        case Refusal::ForeignTenant:
            return "foreign_tenant";
    }
    return "unknown";
}

LookedUp look_up(
    const PayloadItem& item, const store::KnownSubscriptions& picture, const TenantIds& tenant_ids
) {
    if (!item.is_object) return {nullptr, Refusal::NotAnObject};
    if (item.ambiguous) return {nullptr, Refusal::Ambiguous};
    if (item.subscription_id.empty()) return {nullptr, Refusal::NoSubscriptionId};
    if (same_letters(item.subscription_id, "na")) return {nullptr, Refusal::ValidationMessage};
    auto known = picture.by_id(item.subscription_id);
    if (known == nullptr && item.has_state) known = picture.by_state(item.state_hash);
    if (known == nullptr) return {};
    return check(item, std::move(known), tenant_ids);
}

LookedUp look_up_asked(
    const PayloadItem& item, store::KnownPtr answer, const TenantIds& tenant_ids
) {
    if (answer == nullptr) return {nullptr, Refusal::UnknownSubscription};
    return check(item, std::move(answer), tenant_ids);
}

const store::TokensPtr& PostTokens::shared() {
    if (shared_ == nullptr) shared_ = std::make_shared<const std::string>(std::move(text_));
    return shared_;
}

const Sha256& PostTokens::hash() {
    if (!hash_) hash_ = sha256(shared_ != nullptr ? *shared_ : text_);
    return *hash_;
}

store::Item make_item(PayloadItem& item, const store::Known& known, PostTokens& tokens) {
    static thread_local std::string scratch;
    store::Item out;
    const std::string subscription = lowered(item.subscription_id);
    const std::string normalised = store::normalise_resource(item.resource);
    const bool lifecycle = !item.lifecycle_event.empty();
    std::string& change = lifecycle ? item.lifecycle_event : item.change;
    std::transform(change.begin(), change.end(), change.begin(), lower);
    if (change.size() > kMostChangeBytes) change.resize(kMostChangeBytes);

    const store::KnownFamily& family = *known.family;
    out.stream = family.stream(change, lifecycle);
    out.order_key = store::order_key(family.name, normalised);
    out.identity =
        identity_of(item, subscription, change, normalised, out.order_key, tokens, scratch);
    if (!lifecycle) {
        out.fold = fold_of(item, subscription, change, scratch);
        if (family.sync == store::Sync::Versions) out.version = version_of(item, family, change);
    }
    out.subscription_id = item.subscription_id;
    out.resource = item.resource;
    out.body = item.body;
    if (item.rich) out.tokens = tokens.shared();
    return out;
}

bool ends_earlier(const PayloadItem& item, const store::Known& known) {
    // Graph writes up to seven digits of a second, we keep six.
    constexpr auto kRounding = std::chrono::seconds(1);
    if (item.expires_at.empty() || known.expires_at == SystemTime{}) return false;
    const auto said = parse_time(item.expires_at);
    return said && *said < known.expires_at - kRounding;
}

}  // namespace graphhook::receiver
