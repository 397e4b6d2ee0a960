#include "subscriptions/plan/plan.hpp"

#include "core/time_text.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/renewal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <tuple>

namespace graphhook::subscriptions {
namespace {

using store::SubscriptionRecord;
using store::SubscriptionState;
using namespace std::chrono_literals;

/// Ours and Graph's clock, and the time that a create may take.
constexpr std::chrono::minutes kWindow{10};
/// Graph's list may lag behind what it has just granted.
constexpr std::chrono::minutes kListLag{2};

int rank(Action action) {
    switch (action) {
        case Action::List:
            return 0;
        case Action::Learn:
        case Action::Unmark:
        case Action::MarkRemoval:
        case Action::Forget:
        case Action::Retire:
            return 1;
        case Action::Adopt:
            return 2;
        case Action::Renew:
        case Action::Reauthorize:
            return 3;
        case Action::Recreate:
        case Action::Retry:
        case Action::Replace:
        case Action::Create:
            return 4;
        case Action::Check:
            return 5;
        case Action::Remove:
        case Action::RetireReplaced:
        case Action::DeleteLeftover:
            return 6;
        case Action::Keep:
            return 7;
        case Action::HoldBack:
            return 8;
    }
    return 9;
}

class Planner {
  public:
    explicit Planner(const Situation& situation) : s_(situation) {
        for (const auto& record : s_.records) {
            if (!record.graph_id.empty()) known_ids_.insert(id_key(record.graph_id));
        }
        if (s_.listing) {
            for (const auto& there : s_.listing->subscriptions)
                listed_.emplace(id_key(there.id), &there);
        }
    }

    Plan run() {
        std::set<std::string> wanted_names;
        for (const auto& wanted : s_.wanted) {
            wanted_names.insert(wanted.name);
            one_wanted(wanted);
        }
        std::vector<const SubscriptionRecord*> due_for_removal;
        for (const auto& record : s_.records) {
            if (record.state == SubscriptionState::Retired) {
                retired(record);
            } else if (!wanted_names.contains(record.name)) {
                if (record.state == SubscriptionState::Creating)
                    creating(record, nullptr);
                else
                    unwanted(record, due_for_removal);
            }
        }
        removals(due_for_removal);
        orphans();
        if (!s_.listing) need_list("what is at Graph is not known yet");
        sort_steps();
        return std::move(plan_);
    }

  private:
    const Memory& memory(const SubscriptionRecord& record) const {
        static const Memory kNothing;
        const auto found = s_.memory.find(record.record);
        return found == s_.memory.end() ? kNothing : found->second;
    }

    /// By rank; what is renewed by what is left of its life; else as decided.
    void sort_steps() {
        std::map<std::int64_t, SystemTime> expiry;
        for (const auto& record : s_.records) expiry.emplace(record.record, record.expires_at);
        std::vector<std::tuple<int, SystemTime, std::size_t>> order;
        for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
            const Step& step = plan_.steps[i];
            const bool urgent = step.action == Action::Renew || step.action == Action::Reauthorize;
            order.emplace_back(rank(step.action), urgent ? expiry[step.record] : SystemTime{}, i);
        }
        std::ranges::sort(order);
        std::vector<Step> sorted;
        sorted.reserve(order.size());
        for (const auto& entry : order)
            sorted.push_back(std::move(plan_.steps[std::get<2>(entry)]));
        plan_.steps = std::move(sorted);
    }

    void add(Action action, const SubscriptionRecord& record, std::string reason) {
        Step step;
        step.action = action;
        step.name = record.name;
        step.record = record.record;
        step.graph_id = record.graph_id;
        step.reason = std::move(reason);
        plan_.steps.push_back(std::move(step));
    }

    void keep(const SubscriptionRecord& record, SystemTime due, std::string reason) {
        add(Action::Keep, record, std::move(reason));
        plan_.steps.back().due = due;
        wake_at(due);
    }

    void wake_at(SystemTime due) {
        if (!plan_.next || due < *plan_.next) plan_.next = due;
    }

    void need_list(std::string reason) {
        if (s_.now < s_.list_not_before) {
            wake_at(s_.list_not_before);
            return;
        }
        if (list_needed_) return;
        list_needed_ = true;
        Step step;
        step.action = Action::List;
        step.reason = std::move(reason);
        plan_.steps.push_back(std::move(step));
    }

    bool fits(const SubscriptionRecord& record, const WantedSubscription& wanted) const {
        return comparable(record.resource) == comparable(wanted.resource) &&
               same_changes(record.changes, changes_of(wanted)) &&
               record.notification_url == s_.notification_url &&
               record.lifecycle_url == s_.lifecycle_url;
    }

    /// Why a record that does not fit does not.
    std::string difference(const SubscriptionRecord& record, const WantedSubscription& wanted)
        const {
        if (comparable(record.resource) != comparable(wanted.resource))
            return "another resource is wanted";
        if (!same_changes(record.changes, changes_of(wanted))) return "other changes are wanted";
        return "our public URL is another one";
    }

    void one_wanted(const WantedSubscription& wanted) {
        const SubscriptionRecord* current = nullptr;
        const SubscriptionRecord* older = nullptr;
        std::vector<const SubscriptionRecord*> live;
        for (const auto& record : s_.records) {
            if (record.name != wanted.name || record.state == SubscriptionState::Retired) continue;
            live.push_back(&record);
            if (!fits(record, wanted)) {
                if (record.state == SubscriptionState::Active) older = &record;
                continue;
            }
            const auto better = [](const SubscriptionRecord& a, const SubscriptionRecord& b) {
                const bool a_active = a.state == SubscriptionState::Active;
                const bool b_active = b.state == SubscriptionState::Active;
                return a_active != b_active ? a_active : a.record > b.record;
            };
            if (current == nullptr || better(record, *current)) current = &record;
        }
        bool stands = false;
        if (current == nullptr) {
            Step step;
            step.action = older != nullptr ? Action::Replace : Action::Create;
            step.name = wanted.name;
            step.reason = older != nullptr ? difference(*older, wanted) : "wanted and not there";
            plan_.steps.push_back(std::move(step));
        } else if (current->state == SubscriptionState::Creating) {
            creating(*current, &wanted);
        } else {
            stands = active(*current, &wanted);
        }
        for (const auto* record : live) {
            if (record == current) continue;
            if (record->state == SubscriptionState::Creating)
                creating(*record, nullptr);
            else if (!stands)
                active(*record, nullptr);  // it serves until the new one does
            else if (s_.now < record->attempt_at)
                keep(*record, record->attempt_at, "replaced; its removal failed and waits");
            else
                add(Action::RetireReplaced, *record, "a newer one stands");
        }
    }

    /// A create whose end is not known, or known to have failed. `wanted` null: given up.
    void creating(const SubscriptionRecord& record, const WantedSubscription* wanted) {
        const Memory& m = memory(record);
        if (wanted != nullptr && record.client_state.empty()) {
            add(Action::Retire, record, "its client state is lost, so it can not be created");
            return;
        }
        if (s_.now < record.attempt_at) {
            keep(record, record.attempt_at, record.last_error);
            return;
        }
        if (!m.refused) {
            if (!s_.listing || s_.listing->taken_at < std::max(m.tried_at, record.attempt_at)) {
                need_list("a create had no answer: it may have happened");
                keep(record, std::max(s_.now + 1min, s_.list_not_before), "waits for Graph's list");
                return;
            }
            if (const auto matches = own_matches(record, wanted); !matches.empty()) {
                add(Action::Adopt, record, "created, though its answer was not read");
                plan_.steps.back().graph_id = matches.front()->id;
                return;
            }
        }
        if (wanted == nullptr)
            add(Action::Retire, record, "no longer wanted, and not at Graph");
        else
            add(Action::Retry, record,
                m.refused ? "the last try was refused" : "the create did not happen");
    }

    /// What Graph lists and an unanswered create of `record` may have made, the newest first.
    std::vector<const GraphSubscription*> own_matches(
        const SubscriptionRecord& record, const WantedSubscription* wanted
    ) const {
        std::vector<const GraphSubscription*> matches;
        const Memory& m = memory(record);
        const auto life = wanted != nullptr ? life_of(*wanted) : ask_life(kind_named(record.kind));
        for (const auto& there : s_.listing->subscriptions) {
            const std::string key = id_key(there.id);
            if (known_ids_.contains(key) || s_.foreign.contains(key)) continue;
            if (comparable(there.resource) != comparable(record.resource) ||
                !same_changes(there.changes, record.changes) ||
                there.notification_url != record.notification_url)
                continue;
            const auto seen = s_.first_seen.find(key);
            if (seen != s_.first_seen.end() && seen->second <= record.created_at) continue;
            // Without a list from before the create, its expiry must be what we asked for.
            const bool in_window = there.expires_at >= record.created_at + life - kWindow &&
                                   there.expires_at <= s_.now + life + kWindow;
            if (m.listed_before || in_window) matches.push_back(&there);
        }
        std::ranges::sort(matches, [](const auto* a, const auto* b) {
            return std::tie(b->expires_at, a->id) < std::tie(a->expires_at, b->id);
        });
        return matches;
    }

    /// Keeps one alive. `wanted` null: only until it is removed. True: it stands.
    bool active(const SubscriptionRecord& record, const WantedSubscription* wanted) {
        const Memory& m = memory(record);
        const GraphSubscription* there = nullptr;
        if (const auto found = listed_.find(id_key(record.graph_id)); found != listed_.end())
            there = found->second;
        const SystemTime told = std::max({record.created_at, record.touched_at, m.checked_at});
        const bool list_is_newer = s_.listing && s_.listing->taken_at > told;

        if (!m.gone && there != nullptr && list_is_newer && there->expires_at > s_.now &&
            (there->expires_at > record.expires_at + 1s ||
             there->expires_at < record.expires_at - 1s)) {
            add(Action::Learn, record, "Graph says another expiry");
            plan_.steps.back().expires_at = there->expires_at;
            return true;
        }
        if (m.gone || record.expires_at <= s_.now) {
            const char* why = m.gone ? "gone at Graph" : "expired";
            add(wanted != nullptr ? Action::Recreate : Action::Retire, record, why);
            return false;
        }
        if (wanted != nullptr && record.forget_at != SystemTime{}) {
            add(Action::Unmark, record, "wanted again");
            return true;
        }
        if (wanted != nullptr && record.kind != kind_of(*wanted)) {
            add(Action::Learn, record, "it is of another kind now");
            plan_.steps.back().expires_at = record.expires_at;
            return true;
        }
        if (wanted != nullptr && m.was_uncertain && m.listed_before && s_.listing) {
            for (const auto* extra : own_matches(record, wanted)) {
                add(Action::DeleteLeftover, record, "created twice");
                plan_.steps.back().graph_id = extra->id;
            }
        }
        touch(record, m, there == nullptr && s_.listing && s_.listing->taken_at > told + kListLag);
        return true;
    }

    /// Renews, reauthorizes, checks, or says when.
    void touch(const SubscriptionRecord& record, const Memory& m, bool missing_in_list) {
        if (s_.now < record.attempt_at) {
            keep(record, record.attempt_at, record.last_error);
            return;
        }
        const SystemTime renew_at =
            record.expires_at - renew_before(granted_life(record, m), record.name);
        const bool renew = s_.now >= renew_at || m.wants_renewal;
        const bool reauthorize =
            m.wants_reauthorize.has_value() && *m.wants_reauthorize > record.touched_at;
        if (!renew && (m.wants_check || missing_in_list)) {  // a PATCH finds out as well
            add(Action::Check, record, missing_in_list ? "not in Graph's list" : "asked for");
            return;
        }
        if (!renew && !reauthorize) {
            keep(record, renew_at, fmt::format("renewal at {}", to_text(floor_seconds(renew_at))));
            return;
        }
        if (const SystemTime free_at = record.touched_at + kTouchSpacing;
            record.touched_at != SystemTime{} && s_.now < free_at) {
            keep(record, free_at, "touched less than 10 minutes ago");
            return;
        }
        if (renew)
            add(Action::Renew, record, m.wants_renewal ? "asked for" : "its life ends");
        else
            add(Action::Reauthorize, record, "Graph asked for it");
    }

    void unwanted(
        const SubscriptionRecord& record, std::vector<const SubscriptionRecord*>& due_for_removal
    ) {
        const std::size_t before = plan_.steps.size();
        if (!active(record, nullptr)) return;
        const bool busy = plan_.steps.size() > before && plan_.steps.back().action == Action::Learn;
        if (busy) return;
        if (record.forget_at == SystemTime{}) {
            add(Action::MarkRemoval, record, "no longer wanted: the grace begins");
        } else if (s_.now < record.forget_at) {
            keep(record, record.forget_at, "no longer wanted: removed after the grace");
        } else if (s_.now >= record.attempt_at) {
            due_for_removal.push_back(&record);
        }
    }

    void removals(std::vector<const SubscriptionRecord*>& due) {
        std::set<std::string> live_names;
        std::size_t live = 0;
        for (const auto& record : s_.records) {
            if (record.state == SubscriptionState::Retired) continue;
            live_names.insert(record.name);
            ++live;
        }
        std::set<std::string> removed;
        std::vector<SystemTime> times;
        for (const auto& record : s_.records) {
            if (record.state != SubscriptionState::Retired) continue;
            const SystemTime at = record.forget_at - s_.remember_retired;
            if (at + 1h <= s_.now || live_names.contains(record.name)) continue;
            if (removed.insert(record.name).second) times.push_back(at);
        }
        const std::size_t quota = removal_quota(live + removed.size());
        plan_.quota_left = quota > removed.size() ? quota - removed.size() : 0;
        std::size_t allowed = plan_.quota_left + s_.allow_delete;
        std::ranges::sort(due, [](const auto* a, const auto* b) {
            return std::tie(a->forget_at, a->record) < std::tie(b->forget_at, b->record);
        });
        for (const auto* record : due) {
            // What would be done to keep it alive is pointless when it goes now.
            if (allowed > 0) {
                --allowed;
                std::erase_if(plan_.steps, [&](const Step& step) {
                    return step.record == record->record;
                });
                add(Action::Remove, *record, "no longer wanted");
                continue;
            }
            ++plan_.held_back;
            add(Action::HoldBack, *record,
                fmt::format("more than {} removals within an hour need an operator's word", quota));
            const SystemTime oldest = times.empty() ? s_.now : *std::ranges::min_element(times);
            plan_.steps.back().due = oldest + 1h;
            wake_at(plan_.steps.back().due);
        }
    }

    void retired(const SubscriptionRecord& record) {
        const auto found =
            record.graph_id.empty() ? listed_.end() : listed_.find(id_key(record.graph_id));
        const SystemTime retired_at = record.forget_at - s_.remember_retired;
        if (found != listed_.end() && s_.listing->taken_at > retired_at + kListLag &&
            found->second->expires_at > s_.now) {
            add(Action::DeleteLeftover, record, "retired here, and still at Graph");
        } else if (s_.now >= record.forget_at) {
            add(Action::Forget, record, "known long enough");
        } else {
            wake_at(record.forget_at);
        }
    }

    void orphans() {
        if (!s_.listing) return;
        std::set<std::string> claimed;
        for (const Step& step : plan_.steps) {
            if (!step.graph_id.empty()) claimed.insert(id_key(step.graph_id));
        }
        for (const auto& there : s_.listing->subscriptions) {
            const std::string key = id_key(there.id);
            if (known_ids_.contains(key) || claimed.contains(key)) continue;
            if (there.notification_url != s_.notification_url || there.expires_at <= s_.now)
                continue;
            plan_.orphans.push_back({there.id, there.resource, there.changes, there.expires_at});
        }
    }

    static SystemTime floor_seconds(SystemTime at) {
        return std::chrono::floor<std::chrono::seconds>(at);
    }

    const Situation& s_;
    Plan plan_;
    std::set<std::string> known_ids_;
    std::map<std::string, const GraphSubscription*> listed_;
    bool list_needed_ = false;
};

}  // namespace

Plan make_plan(const Situation& situation) {
    return Planner(situation).run();
}

}  // namespace graphhook::subscriptions
