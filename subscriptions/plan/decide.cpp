#include "subscriptions/plan/decide.hpp"

#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/renewal.hpp"

#include <algorithm>
#include <tuple>

namespace graphhook::subscriptions {
namespace {

using store::SubscriptionState;
using namespace std::chrono_literals;

/// Ours and Graph's clock, and the time that a create may take.
constexpr std::chrono::minutes kWindow{10};
/// Graph's list may lag behind what it has just granted.
constexpr std::chrono::minutes kListLag{2};

/// A GET right after a PATCH may still show what was before.
constexpr std::chrono::seconds kKeySettles{5};
/// So many GETs that do not show the certificate of a PATCH, and Graph is believed to ignore it.
constexpr std::uint8_t kKeyMisses = 2;
/// A certificate that appears is told at once; this is only so that a plan has a time to show.
constexpr std::chrono::minutes kLookForKey{15};
constexpr std::string_view kNoCertificate =
    "there is no certificate for resource data: make one with graphhook keys create";
constexpr std::string_view kCertificateEnded =
    "the certificate for resource data has expired: make another with graphhook keys create";

bool same_resource(const std::string& a, const std::string& b) {
    return a == b || comparable(a) == comparable(b);
}
bool alike_changes(const std::string& a, const std::string& b) {
    return a == b || same_changes(a, b);
}

class Decider {
  public:
    Decider(const TargetView& target, const Surroundings& around) : t_(target), s_(around) {}

    Decision run() {
        if (t_.entry != nullptr) wanted();
        for (const Record& record : t_.records) {
            if (record.state == SubscriptionState::Retired)
                retired(record);
            else if (t_.entry == nullptr)
                unwanted(record);
        }
        if (t_.held_until > s_.now && !t_.under_way) hold();
        return std::move(decision_);
    }

  private:
    void add(Action action, const Record& record, std::string_view why) {
        decision_.todos.push_back({action, record.record, {}, {}, why});
    }
    void keep(const Record& record, SystemTime due, std::string_view why) {
        decision_.todos.push_back({Action::Keep, record.record, {}, due, why});
        wake_at(due);
    }
    /// Later. Not `serves`: it only has to be got rid of.
    void wait(const Record& record, bool serves, SystemTime due, std::string_view why) {
        const Action action = serves ? Action::Wait : Action::Keep;
        decision_.todos.push_back({action, record.record, {}, due, why});
        wake_at(due);
    }
    void hold() {
        for (Todo& todo : decision_.todos) {
            if (todo.action != Action::Create && todo.action != Action::Retry &&
                todo.action != Action::TryParked && todo.action != Action::Recreate)
                continue;
            todo.action = Action::Wait;
            todo.at = t_.held_until;
            todo.why =
                "its template is held: Graph refuses all elements, one is tried now and then";
            wake_at(t_.held_until);
        }
    }
    void wake_at(SystemTime due) {
        if (!decision_.due || due < *decision_.due) decision_.due = due;
    }
    void need_list(std::string_view why) {
        if (s_.now < s_.list_not_before)
            wake_at(s_.list_not_before);
        else
            decision_.list = why;
    }

    bool has_certificate() const {
        return !s_.certificate_id.empty() && s_.now < s_.certificate_ends;
    }
    /// It can not be created now, having to have resource data.
    bool lacks_certificate() const { return t_.entry->resource_data && !has_certificate(); }
    std::string_view why_no_certificate() const {
        return s_.certificate_id.empty() ? kNoCertificate : kCertificateEnded;
    }
    /// Its resource data is encrypted with another certificate than it is to be from now on.
    bool has_old_key(const Record& record) const {
        return record.rich() && has_certificate() &&
               record.shape->certificate_id != s_.certificate_id;
    }
    /// Graph was asked to, and goes on with the other one.
    bool keeps_old_key(const Record& record) const {
        return has_old_key(record) && record.memory.key_sent == s_.certificate_number &&
               record.memory.key_misses >= kKeyMisses;
    }

    /// But for its notification URL and its certificate, which a PATCH can change.
    bool fits(const Record& record) const {
        if (!same_resource(*record.resource, *t_.resource) ||
            !alike_changes(record.shape->changes, t_.entry->changes))
            return false;
        if (record.state == SubscriptionState::Parked) return true;
        if (record.rich() != t_.entry->resource_data) return false;
        if (record.state == SubscriptionState::Active && keeps_old_key(record)) return false;
        if (record.state == SubscriptionState::Creating &&
            record.shape->notification_url != s_.notification_url)
            return false;
        return record.shape->lifecycle_url == s_.lifecycle_url;
    }
    std::string_view difference(const Record& record) const {
        if (!same_resource(*record.resource, *t_.resource)) return "another resource is wanted";
        if (!alike_changes(record.shape->changes, t_.entry->changes))
            return "other changes are wanted";
        if (record.rich() != t_.entry->resource_data)
            return record.rich() ? "it is to be without resource data"
                                 : "it is to have resource data";
        if (keeps_old_key(record)) return "Graph does not take another certificate for it";
        return "our public URL is another one";
    }
    /// It stands where another receiver is told, whose place we take.
    bool is_elsewhere(const Record& record) const {
        return record.state == SubscriptionState::Active &&
               t_.entry->taken_over == record.state_hash &&
               record.shape->notification_url != s_.notification_url;
    }

    void wanted() {
        const Record* current = nullptr;
        const Record* older = nullptr;
        const auto liveliness = [](const Record& record) {
            return record.state == SubscriptionState::Active     ? 2
                   : record.state == SubscriptionState::Creating ? 1
                                                                 : 0;
        };
        for (const Record& record : t_.records) {
            if (record.state == SubscriptionState::Retired) continue;
            if (record.memory.in_the_way && record.state == SubscriptionState::Active) {
                if (s_.now < record.attempt_at)
                    keep(record, record.attempt_at, record.last_error());
                else
                    add(Action::RetireReplaced, record, "Graph takes no other one beside it");
                return;
            }
            if (!fits(record)) {
                if (record.state == SubscriptionState::Active) older = &record;
                continue;
            }
            if (current == nullptr || std::tuple(liveliness(record), record.record) >
                                          std::tuple(liveliness(*current), current->record))
                current = &record;
        }
        bool stands = false;
        if (current == nullptr)
            nothing_fits(older);
        else if (current->state == SubscriptionState::Parked)
            parked(*current);
        else if (current->state == SubscriptionState::Creating)
            creating(*current, true);
        else
            stands = active(*current, true);
        for (const Record& record : t_.records) {
            if (&record == current || record.state == SubscriptionState::Retired) continue;
            if (record.state == SubscriptionState::Parked)
                add(Action::Forget, record, "another one is wanted");
            else if (record.state == SubscriptionState::Creating)
                creating(record, false);
            else if (!stands)
                active(record, false);  // it serves until the new one does
            else if (s_.now < record.attempt_at)
                keep(record, record.attempt_at, "replaced; its removal failed and waits");
            else
                add(Action::RetireReplaced, record, "a newer one stands");
        }
    }

    void nothing_fits(const Record* older) {
        if (lacks_certificate()) {
            const SystemTime due = s_.now + kLookForKey;
            decision_.todos.push_back({Action::Wait, 0, {}, due, why_no_certificate()});
            wake_at(due);
            return;
        }
        if (!s_.listed_at) need_list("what is at Graph is not known yet");
        if (older != nullptr && is_elsewhere(*older)) return;  // redirected first, then replaced
        if (t_.entry->taken_over) {
            if (const Stranger* other = to_take_over(); other != nullptr) {
                decision_.todos.push_back(
                    {Action::TakeOver, 0, other->id, other->expires_at,
                     "another receiver's, whose client state we were given"}
                );
                return;
            }
        }
        Todo todo;
        todo.action = older != nullptr ? Action::Replace : Action::Create;
        todo.why = older != nullptr ? difference(*older) : "wanted and not there";
        decision_.todos.push_back(std::move(todo));
    }

    const Stranger* to_take_over() const {
        const Stranger* best = nullptr;
        if (s_.strangers == nullptr) return best;
        for (const Stranger* other : s_.strangers->like(*t_.resource, t_.entry->changes)) {
            if (other->foreign || other->expires_at <= s_.now || s_.known(other->id)) continue;
            if (best == nullptr ||
                std::tie(best->expires_at, other->id) < std::tie(other->expires_at, best->id))
                best = other;
        }
        return best;
    }

    void parked(const Record& record) {
        if (s_.now < record.attempt_at)
            keep(record, record.attempt_at, record.last_error());
        else if (lacks_certificate())
            keep(record, s_.now + kLookForKey, why_no_certificate());
        else
            add(Action::TryParked, record, "refused for itself; tried again daily");
    }

    /// A create whose end is not known, or known to have failed. Not `serves`: given up.
    void creating(const Record& record, bool serves) {
        const Memory& m = record.memory;
        if (serves && !record.has_client_state()) {
            add(Action::Retire, record, "its client state is lost, so it can not be created");
            return;
        }
        if (serves && t_.under_way) {
            add(Action::Retry, record, "under way");
            return;
        }
        if (s_.now < record.attempt_at) {
            wait(record, serves, record.attempt_at, record.last_error());
            return;
        }
        if (!m.refused) {
            if (!s_.listed_at || *s_.listed_at < std::max(m.tried_at, record.attempt_at)) {
                need_list("a create had no answer: it may have happened");
                wait(
                    record, serves, std::max(s_.now + 1min, s_.list_not_before),
                    "waits for Graph's list"
                );
                return;
            }
            if (const auto matches = own_matches(record); !matches.empty()) {
                add(Action::Adopt, record, "created, though its answer was not read");
                decision_.todos.back().graph_id = matches.front()->id;
                return;
            }
        }
        if (!serves)
            add(Action::Retire, record, "no longer wanted, and not at Graph");
        else if (lacks_certificate())
            wait(record, serves, s_.now + kLookForKey, why_no_certificate());
        else
            add(Action::Retry, record,
                m.refused ? "the last try was refused" : "the create did not happen");
    }

    /// What Graph lists and an unanswered create of `record` may have made, the newest first.
    std::vector<const Stranger*> own_matches(const Record& record) const {
        std::vector<const Stranger*> matches;
        if (s_.strangers == nullptr) return matches;
        const auto life = t_.entry != nullptr
                              ? t_.entry->life
                              : ask_life(kind_named(record.shape->kind), record.rich());
        for (const Stranger* there : s_.strangers->like(*record.resource, record.shape->changes)) {
            if (there->foreign || s_.known(there->id)) continue;
            if (there->notification_url != record.shape->notification_url) continue;
            if (!there->certificate_id.empty() && !record.rich()) continue;
            // Without a create of it in this process, what was seen before it is another's.
            if (there->first_seen <= record.created_at) continue;
            // Without a list from before the create, its expiry must be what we asked for.
            const bool in_window = there->expires_at >= record.created_at + life - kWindow &&
                                   there->expires_at <= s_.now + life + kWindow;
            if (record.memory.listed_before || in_window) matches.push_back(there);
        }
        std::ranges::sort(matches, [](const auto* a, const auto* b) {
            return std::tie(b->expires_at, a->id) < std::tie(a->expires_at, b->id);
        });
        return matches;
    }

    /// Keeps one alive. Not `serves`: only until it is removed. True: it stands.
    bool active(const Record& record, bool serves) {
        const Memory& m = record.memory;
        const bool there = s_.list_number > 0 && m.listed >= s_.list_number;
        const SystemTime told = std::max({record.created_at, record.touched_at, m.checked_at});
        const bool list_is_newer = s_.listed_at && *s_.listed_at > told;

        if (!m.gone && there && list_is_newer && m.listed_expiry > s_.now &&
            (m.listed_expiry > record.expires_at + 1s || m.listed_expiry < record.expires_at - 1s
            )) {
            add(Action::Learn, record, "Graph says another expiry");
            decision_.todos.back().at = m.listed_expiry;
            return true;
        }
        if (m.gone || record.expires_at <= s_.now) {
            if (serves && !s_.listed_at) need_list("what is at Graph is not known yet");
            // Without a certificate it is not created anew, and what is gone is retired all the
            // same.
            add(serves && !lacks_certificate() ? Action::Recreate : Action::Retire, record,
                m.gone ? "gone at Graph" : "expired");
            return false;
        }
        if (t_.entry != nullptr && record.forget_at != SystemTime{}) {
            add(Action::Unmark, record, "wanted again");
            return true;
        }
        if (serves &&
            (record.shape->kind != t_.entry->kind || record.shape->sync != t_.entry->sync)) {
            add(Action::Learn, record, "it is of another kind, or swept otherwise, now");
            decision_.todos.back().at = record.expires_at;
            return true;
        }
        if (serves && m.was_uncertain && m.listed_before && s_.listed_at) {
            for (const Stranger* extra : own_matches(record)) {
                add(Action::DeleteLeftover, record, "created twice");
                decision_.todos.back().graph_id = extra->id;
            }
        }
        touch(record, serves, !there && s_.listed_at && *s_.listed_at > told + kListLag);
        return true;
    }

    /// Renews, reauthorizes, redirects, checks, or says when.
    void touch(const Record& record, bool serves, bool missing_in_list) {
        const Memory& m = record.memory;
        if (s_.now < record.attempt_at) {
            keep(record, record.attempt_at, record.last_error());
            return;
        }
        const SystemTime renew_at =
            record.expires_at - renew_before(granted_life(record), t_.spread());
        const bool renew = s_.now >= renew_at || m.wants_renewal;
        const bool reauthorize = m.wants_reauthorize > record.touched_at;
        const bool redirect = t_.entry != nullptr && (serves || is_elsewhere(record)) &&
                              record.shape->notification_url != s_.notification_url;
        // Last of all: until then the old key does, and trouble with the new one must not keep a
        // subscription from living.
        const bool move = serves && has_old_key(record);
        if (redirect && is_elsewhere(record) && record.rich() && lacks_certificate()) {
            keep(record, s_.now + kLookForKey, why_no_certificate());  // we could not read its data
            return;
        }
        if (!renew && !redirect && (m.wants_check || missing_in_list)) {  // a PATCH finds out too
            add(Action::Check, record, missing_in_list ? "not in Graph's list" : "asked for");
            return;
        }
        if (!renew && !redirect && serves && m.key_sent != 0) {
            verify_key(record);
            return;
        }
        if (!renew && !reauthorize && !redirect && !move) {
            keep(record, renew_at, kUntilRenewal);
            return;
        }
        if (const SystemTime free_at = record.touched_at + kTouchSpacing;
            record.touched_at != SystemTime{} && s_.now < free_at) {
            // Perhaps that touch moved it, and nobody lived to see it.
            if (move && m.checked_at <= record.touched_at)
                add(Action::Check, record, "its certificate may have been changed already");
            else
                keep(record, free_at, "touched less than 10 minutes ago");
            return;
        }
        if (redirect)
            add(Action::Redirect, record,
                is_elsewhere(record) ? "another receiver's, to be led to us"
                                     : "our public URL is another one");
        else if (renew)
            add(Action::Renew, record, m.wants_renewal ? "asked for" : "its life ends");
        else if (reauthorize)
            add(Action::Reauthorize, record, "Graph asked for it");
        else
            add(Action::MoveKey, record, "resource data has another certificate now");
    }

    /// Whether Graph took the certificate of a PATCH, a GET tells; where it does not show it,
    /// another one a little later.
    void verify_key(const Record& record) {
        const SystemTime due = key_settled_at(record.touched_at, record.memory);
        if (s_.now < due)
            keep(record, due, "then it is asked whether Graph took its certificate");
        else
            add(Action::Check, record, "whether Graph took its certificate");
    }

    void unwanted(const Record& record) {
        if (record.state == SubscriptionState::Parked) {
            add(Action::Forget, record, "no longer wanted, and not at Graph");
            return;
        }
        if (record.state == SubscriptionState::Creating) {
            creating(record, false);
            return;
        }
        const std::size_t before = decision_.todos.size();
        if (!active(record, false)) return;
        const bool busy =
            decision_.todos.size() > before && decision_.todos.back().action == Action::Learn;
        if (busy) return;
        if (record.forget_at == SystemTime{}) {
            add(Action::MarkRemoval, record, "no longer wanted: the grace begins");
        } else if (s_.now < record.forget_at) {
            keep(record, record.forget_at, "no longer wanted: removed after the grace");
        } else if (s_.now >= record.attempt_at) {
            decision_.removal = record.record;
            decision_.removal_since = record.forget_at;
        }
    }

    void retired(const Record& record) {
        const Memory& m = record.memory;
        const SystemTime retired_at = record.forget_at - s_.remember_retired;
        if (s_.list_number > 0 && m.listed >= s_.list_number &&
            *s_.listed_at > retired_at + kListLag && m.listed_expiry > s_.now &&
            s_.now >= record.attempt_at) {
            add(Action::DeleteLeftover, record, "retired here, and still at Graph");
            decision_.todos.back().graph_id = record.graph_id;
        } else if (s_.now >= record.forget_at) {
            add(Action::Forget, record, "known long enough");
        } else {
            wake_at(record.forget_at);
        }
    }

    const TargetView& t_;
    const Surroundings& s_;
    Decision decision_;
};

}  // namespace

std::string TargetView::spread() const {
    std::string text(name);
    if (!element.empty()) {
        text += '/';
        text += element;
    }
    return text;
}

SystemTime key_settled_at(SystemTime touched_at, const Memory& memory) {
    const SystemTime settled = touched_at + kKeySettles;
    return memory.key_misses == 0 ? settled : std::max(settled, memory.checked_at + kListLag);
}

Decision decide(const TargetView& target, const Surroundings& around) {
    return Decider(target, around).run();
}

}  // namespace graphhook::subscriptions
