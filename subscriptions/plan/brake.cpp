#include "subscriptions/plan/brake.hpp"

#include <algorithm>
#include <tuple>

namespace graphhook::subscriptions {

using namespace std::chrono_literals;

std::size_t Brake::Tally::quota() const noexcept {
    return removal_quota(live + removed.size());
}

Brake::Brake(SystemTime now, std::chrono::milliseconds remember_retired)
    : now_(now), remember_retired_(remember_retired) {
}

void Brake::count(const TargetView& target, bool approved) {
    std::size_t live = 0;
    SystemTime removed_at{};
    for (const Record& record : target.records) {
        if (record.live())
            ++live;
        else if (record.state == store::SubscriptionState::Retired)
            removed_at = std::max(removed_at, SystemTime(record.forget_at - remember_retired_));
    }
    const bool removed =
        live == 0 && target.entry == nullptr && removed_at + 1h > now_ && !target.records.empty();
    if (live == 0 && !removed) return;
    auto found = names_.find(target.name);
    if (found == names_.end()) found = names_.emplace(std::string(target.name), Tally{}).first;
    for (Tally* tally : {&tenant_, &found->second}) {
        if (removed) {
            tally->removed.push_back(removed_at);
        } else if (approved) {
            tally->removed.push_back(now_);
        } else {
            tally->live += live;
        }
    }
}

void Brake::propose(SystemTime since, std::string_view name, std::size_t tag) {
    proposals_.push_back({since, name, tag});
}

Brake::Verdict Brake::judge(std::size_t allowed) {
    Verdict verdict;
    const std::size_t quota = tenant_.quota();
    verdict.quota_left = quota > tenant_.removed.size() ? quota - tenant_.removed.size() : 0;
    std::ranges::sort(proposals_, [](const Proposal& a, const Proposal& b) {
        return std::tie(a.since, a.tag) < std::tie(b.since, b.tag);
    });
    for (const Proposal& proposal : proposals_) {
        auto found = names_.find(proposal.name);
        if (found == names_.end())
            found = names_.emplace(std::string(proposal.name), Tally{}).first;
        Tally& own = found->second;
        const bool room = tenant_.has_room() && own.has_room();
        if (room || allowed > 0) {
            if (!room) {
                --allowed;
                ++verdict.beyond;
            }
            verdict.approved.push_back(proposal.tag);
            // From the living to the removed: the quota is of both together and stays.
            for (Tally* tally : {&tenant_, &own}) {
                if (tally->live > 0) --tally->live;
                tally->removed.push_back(now_);
            }
            continue;
        }
        const Tally& full = tenant_.has_room() ? own : tenant_;
        const SystemTime oldest = full.removed.empty() ? now_ : std::ranges::min(full.removed);
        verdict.held.push_back({proposal.tag, oldest + 1h, full.quota()});
    }
    return verdict;
}

}  // namespace graphhook::subscriptions
