// TenantWorker: its records, and what failures and successes mean for them and for the tenant.
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/renewal.hpp"
#include "subscriptions/reconcile/tenant_worker.hpp"

#include <algorithm>
#include <charconv>

namespace graphhook::subscriptions {

using store::SubscriptionState;
using namespace std::chrono_literals;

bool TenantWorker::save(const Record& record) {
    {
        const std::lock_guard lock(mutex_);
        for (auto& mine : state_.records) {
            if (mine.record == record.record) mine = record;
        }
    }
    const auto stored = parts_.table.put(record);
    if (stored) {
        dirty_.erase(record.record);
        return true;
    }
    dirty_.insert(record.record);
    log().error(
        "a subscription's record can not be stored now: name={} {}", record.name,
        to_string(stored.error())
    );
    const std::lock_guard lock(mutex_);
    tenant_error_ = "the store refuses: " + to_string(stored.error());
    blocked_until_ = std::max(blocked_until_, parts_.clock.system_now() + 5s);
    return false;
}

void TenantWorker::retire(Record record) {
    {
        const std::lock_guard lock(mutex_);
        record.forget_at = parts_.clock.system_now() + options_.remember_retired;
        state_.memory.erase(record.record);
    }
    record.state = SubscriptionState::Retired;
    record.client_state = Secret();
    record.failures = 0;
    record.attempt_at = {};
    save(record);
}

void TenantWorker::forget(const Record& record) {
    if (const auto erased = parts_.table.erase(record.record); !erased) {
        const std::lock_guard lock(mutex_);
        tenant_error_ = "the store refuses: " + to_string(erased.error());
        blocked_until_ = parts_.clock.system_now() + 5s;
        return;
    }
    const std::lock_guard lock(mutex_);
    std::erase_if(state_.records, [&](const Record& mine) { return mine.record == record.record; });
    state_.memory.erase(record.record);
    dirty_.erase(record.record);
}

void TenantWorker::failed(Record record, const GraphError& error, bool counts_as_renewal) {
    if (error.next == Next::Aborted) return;
    ++record.failures;
    record.last_error = to_string(error);
    const SystemTime now = parts_.clock.system_now();
    const auto life = [&] {
        const std::lock_guard lock(mutex_);
        return granted_life(record, state_.memory[record.record]);
    }();
    record.attempt_at = now;  // it waits with its tenant, or by itself
    if (error.uncertain || !is_tenant_wide(error))
        record.attempt_at += retry_after_failure(life, record.failures, record.name);
    if (counts_as_renewal) parts_.metrics.renewal("failed");
    log().warn(
        "a subscription could not be cared for: name={} tenant={} try={} next={} expires={} {}",
        record.name, tenant_, record.failures, to_text(record.attempt_at),
        to_text(record.expires_at), record.last_error
    );
    save(record);
    note_error(error);
}

void TenantWorker::gone(const Record& record, const GraphError& error) {
    log().warn(
        "a subscription is gone at Graph: name={} tenant={} {}", record.name, tenant_,
        to_string(error)
    );
    remember(record.record, [](Memory& m) { m.gone = true; });
    note_success();
}

void TenantWorker::note_error(const GraphError& error) {
    const SystemTime now = parts_.clock.system_now();
    SystemTime until{};
    switch (error.next) {
        case Next::Throttled:
            ++tenant_failures_;
            until = now + tenant_back_off(tenant_failures_, dice());
            if (error.retry_at) until = std::max(*error.retry_at, now + 1s);
            break;
        case Next::Credentials:
            ++credential_failures_;
            until = now + retry_after_refusal(credential_failures_, tenant_);
            log().error("graph can not be asked: tenant={} {}", tenant_, to_string(error));
            break;
        case Next::RetryLater:
            if (error.status != 0) return;
            ++tenant_failures_;
            until = now + tenant_back_off(tenant_failures_, dice());
            break;
        default:
            return;
    }
    const std::lock_guard lock(mutex_);
    tenant_error_ = to_string(error);
    blocked_until_ = std::max(blocked_until_, until);
}

void TenantWorker::note_success() {
    tenant_failures_ = 0;
    credential_failures_ = 0;
    const std::lock_guard lock(mutex_);
    tenant_error_.clear();
}

void TenantWorker::unlist(const std::string& graph_id) {
    const std::lock_guard lock(mutex_);
    if (!state_.listing) return;
    std::erase_if(state_.listing->subscriptions, [&](const GraphSubscription& there) {
        return id_key(there.id) == id_key(graph_id);
    });
}

std::optional<TenantWorker::Record> TenantWorker::find(std::int64_t number) const {
    const std::lock_guard lock(mutex_);
    for (const auto& record : state_.records) {
        if (record.record == number) return record;
    }
    return std::nullopt;
}

std::optional<WantedSubscription> TenantWorker::wanted(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    for (const auto& what : state_.wanted) {
        if (what.name == name) return what;
    }
    return std::nullopt;
}

Api TenantWorker::api_of(const Record& record) const {
    const auto what = wanted(record.name);
    const Kind* kind = kind_named(record.kind);
    const bool beta = what ? what->beta : kind != nullptr && kind->beta;
    return beta ? Api::Beta : Api::V1;
}

std::chrono::minutes TenantWorker::life_for(const Record& record) const {
    const auto what = wanted(record.name);
    auto life = what ? life_of(*what) : ask_life(kind_named(record.kind));
    const std::lock_guard lock(mutex_);
    if (const auto limit = limits_.find(record.kind); limit != limits_.end())
        life = std::min(life, limit->second);
    return std::max(life, kShortestLife);
}

bool TenantWorker::learn_limit(const Record& record, const GraphError& error) {
    if (!error.longest_life) return false;
    const auto limit = std::max<std::chrono::minutes>(*error.longest_life - 5min, kShortestLife);
    if (limit >= life_for(record)) return false;
    log().warn(
        "graph allows less life than we asked for: name={} kind={} minutes={}", record.name,
        record.kind, limit.count()
    );
    const std::lock_guard lock(mutex_);
    limits_[record.kind] = limit;
    return true;
}

double TenantWorker::dice() {
    const std::string hex = parts_.random(2);
    unsigned number = 0;
    std::from_chars(hex.data(), hex.data() + hex.size(), number, 16);
    return static_cast<double>(number % 65'536) / 65'536.0;
}

}  // namespace graphhook::subscriptions
