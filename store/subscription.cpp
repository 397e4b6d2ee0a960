#include "store/subscription.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>
#include <utility>

namespace graphhook::store {
namespace {

constexpr std::size_t kShards = 1024;

char lower(char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

std::uint64_t hash_id(std::string_view id) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char letter : id) {
        hash = (hash ^ static_cast<unsigned char>(lower(letter))) * 0x100000001b3ULL;
    }
    return hash ^ (hash >> 29);
}

bool same_id(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return lower(x) == lower(y);
           });
}

/// Of two that answer to the same, the livelier and newer one.
auto rank(const Known& known) {
    const int liveliness = known.state == SubscriptionState::Active     ? 2
                           : known.state == SubscriptionState::Creating ? 1
                                                                        : 0;
    return std::pair(liveliness, known.record);
}

StreamPtr make_stream(const KnownFamily& family, std::string_view change, bool lifecycle) {
    const Lane lane = lifecycle || family.sync == Sync::Signal ? Lane::Lifecycle : Lane::Change;
    return std::make_shared<const Stream>(
        Stream{lane, family.tenant, family.name, family.kind, std::string(change)}
    );
}

}  // namespace

std::string_view to_string(SubscriptionState state) noexcept {
    switch (state) {
        case SubscriptionState::Creating:
            return "creating";
        case SubscriptionState::Active:
            return "active";
        case SubscriptionState::Retired:
            return "retired";
        case SubscriptionState::Parked:
            return "parked";
    }
    return "unknown";
}

StreamPtr KnownFamily::stream(std::string_view change, bool lifecycle) const {
    const auto prebuilt = lifecycle ? std::array{&missed, &removed, &reauthorization}
                                    : std::array{&created, &updated, &deleted};
    for (const StreamPtr* const stream : prebuilt) {
        if (*stream != nullptr && (*stream)->change == change) return *stream;
    }
    return make_stream(*this, change, lifecycle);
}

KnownFamilyPtr KnownFamilies::of(
    std::string_view tenant, std::string_view name, std::string_view kind, Sync sync
) {
    if (last_ != nullptr && last_->name == name && last_->tenant == tenant && last_->kind == kind &&
        last_->sync == sync)
        return last_;
    if (families_.size() >= look_over_at_) {
        std::erase_if(families_, [](const auto& entry) { return entry.second.use_count() == 1; });
        look_over_at_ = std::max<std::size_t>(1024, 2 * families_.size());
    }
    auto& family = families_[{std::string(tenant), std::string(name), std::string(kind), sync}];
    if (family == nullptr) {
        auto made = std::make_shared<KnownFamily>();
        made->name = name;
        made->tenant = tenant;
        made->kind = kind;
        made->sync = sync;
        made->created = make_stream(*made, "created", false);
        made->updated = make_stream(*made, "updated", false);
        made->deleted = make_stream(*made, "deleted", false);
        made->missed = make_stream(*made, "missed", true);
        made->removed = make_stream(*made, "subscriptionremoved", true);
        made->reauthorization = make_stream(*made, "reauthorizationrequired", true);
        family = std::move(made);
    }
    last_ = family;
    return family;
}

KnownPtr make_known(const SubscriptionRecord& record, KnownFamilies& families) {
    auto known = std::make_shared<Known>();
    known->record = record.record;
    known->state = record.state;
    known->state_hash = record.state_hash;
    known->graph_id = record.graph_id;
    known->expires_at = record.expires_at;
    known->family = families.of(record.tenant, record.name, record.kind, record.sync);
    return known;
}

KnownPtr make_known(const SubscriptionRecord& record) {
    KnownFamilies families;
    return make_known(record, families);
}

KnownSubscriptions::KnownSubscriptions(const std::vector<SubscriptionRecord>& records)
    : by_id_(kShards), by_state_(kShards) {
    std::vector<Change> changes;
    changes.reserve(records.size());
    KnownFamilies families;
    for (const auto& record : records) {
        if (record.state != SubscriptionState::Parked)
            changes.push_back({nullptr, make_known(record, families)});
    }
    apply(changes);
}

std::shared_ptr<const KnownSubscriptions> KnownSubscriptions::with(
    const std::vector<Change>& changes
) const {
    auto next = std::make_shared<KnownSubscriptions>(*this);
    // Shards that change are copied, once; the others are shared.
    std::set<std::pair<bool, std::size_t>> copied;
    const auto copy = [&](bool by_id, std::uint64_t hash) {
        const std::size_t at = hash % kShards;
        auto& shard = (by_id ? next->by_id_ : next->by_state_)[at];
        if (shard != nullptr && copied.emplace(by_id, at).second)
            shard = std::make_shared<Shard>(*shard);
    };
    for (const Change& change : changes) {
        for (const KnownPtr& known : {change.before, change.after}) {
            if (known == nullptr) continue;
            if (!known->graph_id.empty()) copy(true, hash_id(known->graph_id));
            copy(false, first64(known->state_hash));
        }
    }
    next->apply(changes);
    return next;
}

void KnownSubscriptions::apply(Shards& shards, std::uint64_t hash, const Change& change) {
    auto& shard = shards[hash % kShards];
    if (shard == nullptr) shard = std::make_shared<Shard>();
    if (change.before != nullptr) {
        std::erase_if(*shard, [&](const Entry& entry) {
            return entry.hash == hash && entry.known->record == change.before->record;
        });
    }
    if (change.after != nullptr) shard->push_back({hash, change.after});
}

void KnownSubscriptions::apply(const std::vector<Change>& changes) {
    for (const Change& change : changes) {
        if (change.before != nullptr) {
            if (!change.before->graph_id.empty())
                apply(by_id_, hash_id(change.before->graph_id), {change.before, nullptr});
            apply(by_state_, first64(change.before->state_hash), {change.before, nullptr});
            --size_;
        }
        if (change.after != nullptr) {
            if (!change.after->graph_id.empty())
                apply(by_id_, hash_id(change.after->graph_id), {nullptr, change.after});
            apply(by_state_, first64(change.after->state_hash), {nullptr, change.after});
            ++size_;
        }
    }
}

KnownPtr KnownSubscriptions::by_id(std::string_view graph_id) const {
    if (graph_id.empty()) return nullptr;
    const std::uint64_t hash = hash_id(graph_id);
    const auto& shard = by_id_[hash % kShards];
    KnownPtr best;
    if (shard == nullptr) return best;
    for (const Entry& entry : *shard) {
        if (entry.hash != hash || !same_id(entry.known->graph_id, graph_id)) continue;
        if (best == nullptr || rank(*best) < rank(*entry.known)) best = entry.known;
    }
    return best;
}

KnownPtr KnownSubscriptions::by_state(const Sha256& state_hash) const {
    const std::uint64_t hash = first64(state_hash);
    const auto& shard = by_state_[hash % kShards];
    KnownPtr best;
    if (shard == nullptr) return best;
    for (const Entry& entry : *shard) {
        // The digest of a secret: where it differs tells nothing of the secret.
        if (entry.hash != hash || entry.known->state_hash != state_hash) continue;
        if (best == nullptr || rank(*best) < rank(*entry.known)) best = entry.known;
    }
    return best;
}

}  // namespace graphhook::store
