// Reconciler: what begins now, of what could. The lock is held in all of it.
#include "core/log.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/renewal.hpp"
#include "subscriptions/reconcile/reconciler.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace graphhook::subscriptions {
namespace {

using store::SubscriptionState;
using namespace std::chrono_literals;

/// So many may find their mailbox busy in one step; then it is the others' turn.
constexpr std::size_t kMostRefusals = 64;
/// A mailbox that is busy is asked again after this at the earliest.
constexpr auto kMailboxPause = 20ms;

std::optional<CallClass> class_of(Lane lane) {
    switch (lane) {
        case Lane::Note:
            return std::nullopt;
        case Lane::Reauthorize:
            return CallClass::Reauthorize;
        case Lane::Check:
            return CallClass::Get;
        case Lane::Adopt:
        case Lane::Renew:
        case Lane::Recreate:
        case Lane::Create:
        case Lane::MoveKey:
        case Lane::TryParked:
        case Lane::Delete:
            return CallClass::Write;
    }
    return std::nullopt;
}

bool creates(Lane lane) {
    return lane == Lane::Create || lane == Lane::TryParked || lane == Lane::Recreate;
}

}  // namespace

bool Reconciler::has_room() const {
    // After a failure that concerns all, one goes ahead to see.
    if (tenant_failures_ + credential_failures_ > 0 && jobs_ > 0) return false;
    // Counted here, as a thread of the pool is not free yet when it wakes us.
    return jobs_ < most_jobs_;
}

bool Reconciler::creates_wait(SystemTime now) const {
    return !around_.listed_at && now >= around_.list_not_before;
}

SystemTime Reconciler::start_work(SystemTime now) {
    if (const auto until = std::max(blocked_until_, refused_until_); now < until) return until;
    SystemTime next = SystemTime::max();
    std::array<bool, 5> closed{};
    if (!start_list(now, next)) closed[static_cast<std::size_t>(CallClass::List)] = true;
    for (std::size_t i = 0; i < kLanes; ++i) {
        const Lane lane = static_cast<Lane>(i);
        if (creates(lane) && creates_wait(now)) continue;
        const auto what = class_of(lane);
        if (what && closed[static_cast<std::size_t>(*what)]) continue;
        const bool open = start_lane(lane, now, next);
        if (!open && what) closed[static_cast<std::size_t>(*what)] = true;
        if (!has_room()) return next;  // what is under way wakes us
    }
    if (!closed[static_cast<std::size_t>(CallClass::Write)]) start_orphans(now, next);
    return next;
}

bool Reconciler::start_lane(Lane lane, SystemTime now, SystemTime& next) {
    const auto what = class_of(lane);
    std::size_t refusals = 0;
    while (has_room()) {
        Target* target = targets_.first(lane);
        if (target == nullptr) return true;
        if (target->dirty) {
            begin(*target, {}, {}, false, false);
            continue;
        }
        Decision decision = decide(target->view(), around_);
        const auto todo = choose(*target, decision);
        if (!todo || lane_of(todo->action) != lane) {
            targets_.rest(*target);
            place(*target);
            continue;
        }
        bool probes = false;
        const bool of_template = target->subscribes() && target->entry->is_template;
        if (creates(lane) && of_template) {
            Family& own = family(*target);
            if (own.held_until != SystemTime{}) {
                if (own.probing || now < own.held_until) {
                    targets_.wait(*target, std::max(own.held_until, now + 1s));
                    continue;
                }
                probes = true;
            }
        }
        std::string mailbox;
        if (what) {
            const std::string* resource = target->resource.get();
            for (const Record& record : target->records) {
                if (record.record == todo->record && !creates(lane))
                    resource = record.resource.get();
            }
            if (resource != nullptr) mailbox = mailbox_of(*resource);
            const SystemTime at = parts_.quota.begin(*what, tenant_, mailbox);
            if (at != SystemTime{}) {
                if (mailbox.empty()) {
                    next = std::min(next, std::max(at, now + 1ms));
                    return false;
                }
                targets_.wait(*target, std::max(at, now + kMailboxPause));
                next = std::min(next, target->at);
                if (++refusals == kMostRefusals) return false;
                continue;
            }
        }
        if (probes) family(*target).probing = true;
        begin(*target, *todo, std::move(mailbox), what.has_value(), probes);
    }
    return true;
}

void Reconciler::begin(
    Target& target, const Todo& todo, std::string mailbox, bool counted, bool probes
) {
    Job job;
    job.target = &target;
    job.saves = target.dirty;
    job.action = todo.action;
    job.why = todo.why;
    job.graph_id = todo.graph_id;
    job.at = todo.at;
    job.entry = target.subscribes() ? target.entry : nullptr;
    job.resource = target.resource;
    if (const Record* record = target.find(todo.record); record != nullptr) {
        job.record = unpack(*record, tenant_, *target.name, target.element);
        job.memory = record->memory;
    }
    if (certificate_ != nullptr && around_.now < certificate_->not_after) {
        job.certificate = certificate_;
        job.key_number = around_.certificate_number;
    }
    job.mailbox = std::move(mailbox);
    job.counted = counted;
    job.probes = probes;
    job.epoch = epoch_;
    targets_.under_way(target);
    ++jobs_;
    parts_.pool.run([this, job = std::move(job)](const std::stop_token& stop) mutable {
        run(std::move(job), stop);
    });
}

void Reconciler::run(Job job, const std::stop_token& stop) {
    bool went_wrong = false;
    try {
        if (job.saves)
            save_all(job);
        else
            perform(job, stop);
    } catch (const std::exception& error) {
        log().critical(
            "caring for a subscription went wrong: name={} tenant={} {}", *job.target->name,
            tenant_, error.what()
        );
        went_wrong = true;
    }
    finish(job, went_wrong);
}

void Reconciler::finish(const Job& job, bool went_wrong) {
    if (job.counted) parts_.quota.end(job.mailbox);
    {
        const std::lock_guard lock(mutex_);
        --jobs_;
        around_.now = parts_.clock.system_now();
        if (job.probes) {
            Family& own = family(*job.target);
            own.probing = false;
            if (own.held_until == SystemTime{}) place_all_of(*job.target->name);
        }
        targets_.rest(*job.target);
        if (went_wrong)
            targets_.wait(*job.target, around_.now + 1min);
        else
            place(*job.target);
    }
    parts_.wake();
}

bool Reconciler::start_list(SystemTime now, SystemTime& next) {
    if (list_run_ && list_run_->under_way) return true;
    if (!list_run_) {
        const bool old = around_.listed_at && now >= *around_.listed_at + list_every_;
        if (around_.listed_at && !old && !list_wanted_ && !list_needed_) return true;
        if (now < around_.list_not_before) {
            next = std::min(next, around_.list_not_before);
            return true;
        }
    }
    if (!has_room()) return true;
    const SystemTime at = parts_.quota.begin(CallClass::List, tenant_, {});
    if (at != SystemTime{}) {
        next = std::min(next, std::max(at, now + 1ms));
        return false;
    }
    if (!list_run_) {
        ListRun run;
        run.number = ++last_list_;
        run.began = now;
        run.urls.insert(around_.notification_url);
        for (const auto& [name, entry] : entries_) run.beta = run.beta || entry->beta;
        targets_.each([&](const Target& target) {
            if (target.subscribes() && target.entry->taken_over)
                run.resources.insert(comparable(*target.resource));
            for (const Record& record : target.records) {
                if (record.state == SubscriptionState::Creating)
                    run.urls.insert(record.shape->notification_url);
            }
        });
        list_run_ = std::move(run);
        // What is wanted from now on wants another one.
        list_wanted_ = list_needed_ = false;
    }
    list_run_->under_way = true;
    ++jobs_;
    parts_.pool.run([this](const std::stop_token& stop) { read_list(stop); });
    return true;
}

void Reconciler::start_orphans(SystemTime now, SystemTime& next) {
    while (!orphans_to_delete_.empty() && has_room()) {
        const SystemTime at = parts_.quota.begin(CallClass::Write, tenant_, {});
        if (at != SystemTime{}) {
            next = std::min(next, std::max(at, now + 1ms));
            return;
        }
        std::string id = std::move(orphans_to_delete_.back());
        orphans_to_delete_.pop_back();
        ++jobs_;
        parts_.pool.run([this, id = std::move(id), epoch = epoch_](const std::stop_token& stop) {
            delete_orphan(id, epoch, stop);
        });
    }
}

}  // namespace graphhook::subscriptions
