// Reconciler: its records, and what failures and successes mean for them and for the tenant.
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/renewal.hpp"
#include "subscriptions/reconcile/reconciler.hpp"

#include <algorithm>
#include <charconv>

namespace graphhook::subscriptions {

using namespace std::chrono_literals;

bool Reconciler::save(Job& job) {
    {
        const std::lock_guard lock(mutex_);
        set_record(*job.target, job.record);
    }
    const auto stored = parts_.table.put(job.record);
    if (stored) return true;
    log().error(
        "a subscription's record can not be stored now: name={} {}", job.record.name,
        to_string(stored.error())
    );
    store_refuses(stored.error());
    const std::lock_guard lock(mutex_);
    job.target->dirty = true;
    return false;
}

void Reconciler::save_all(const Job& job) {
    std::vector<Stored> records;
    {
        const std::lock_guard lock(mutex_);
        for (const Record& record : job.target->records)
            records.push_back(unpack(record, tenant_, *job.target->name, job.target->element));
    }
    for (const Stored& record : records) {
        if (const auto stored = parts_.table.put(record); !stored)
            return store_refuses(stored.error());
    }
    const std::lock_guard lock(mutex_);
    job.target->dirty = false;
}

void Reconciler::store_refuses(const Error& error) {
    const std::lock_guard lock(mutex_);
    tenant_error_ = "the store refuses: " + to_string(error);
    blocked_until_ = std::max(blocked_until_, parts_.clock.system_now() + 5s);
}

void Reconciler::granted(Job& job, SystemTime expires_at, SystemTime sent) {
    job.record.expires_at = expires_at;
    job.record.failures = 0;
    job.record.last_error.clear();
    job.record.attempt_at = {};
    remember(job, [&](Memory& m) {
        m.granted = std::chrono::duration_cast<std::chrono::milliseconds>(expires_at - sent);
    });
    save(job);
}

void Reconciler::failed(Job& job, const GraphError& error, bool counts_as_renewal) {
    if (error.next == Next::Aborted) return;
    Stored& record = job.record;
    ++record.failures;
    record.last_error = to_string(error);
    const SystemTime now = parts_.clock.system_now();
    const std::string spread = record.name + record.element;
    std::chrono::milliseconds life{};
    {
        const std::lock_guard lock(mutex_);
        if (const Record* mine = job.target->find(record.record); mine != nullptr)
            life = granted_life(*mine);
    }
    record.attempt_at = now;  // it waits with its tenant, or by itself
    if (error.next == Next::Handshake)
        record.attempt_at += retry_after_handshake(record.failures);
    else if (error.uncertain || !is_tenant_wide(error))
        record.attempt_at += retry_after_failure(life, record.failures, spread);
    if (counts_as_renewal) parts_.metrics.renewal("failed");
    log().warn(
        "a subscription could not be cared for: name={} tenant={} try={} next={} expires={} {}",
        record.name, tenant_, record.failures, to_text(record.attempt_at),
        to_text(record.expires_at), record.last_error
    );
    save(job);
    note_error(error, job.epoch);
}

void Reconciler::gone_at_graph(Job& job, const GraphError& error) {
    log().warn(
        "a subscription is gone at Graph: name={} tenant={} {}", job.record.name, tenant_,
        to_string(error)
    );
    remember(job, [](Memory& m) { m.gone = true; });
    note_success();
}

void Reconciler::note_error(const GraphError& error, std::uint32_t epoch) {
    const double luck = dice();
    const std::lock_guard lock(mutex_);
    const SystemTime now = parts_.clock.system_now();
    // Several that were under way tell the same trouble once.
    const bool news = epoch == epoch_;
    SystemTime until{};
    switch (error.next) {
        case Next::Throttled:
            if (news) ++tenant_failures_;
            until = error.retry_at ? std::max(*error.retry_at, now + 1s)
                                   : now + tenant_back_off(tenant_failures_, luck);
            break;
        case Next::Credentials:
            if (news) ++credential_failures_;
            until = now + retry_after_refusal(credential_failures_, tenant_);
            if (news)
                log().error("graph can not be asked: tenant={} {}", tenant_, to_string(error));
            break;
        case Next::RetryLater:
            if (!is_tenant_wide(error)) return;
            if (news) ++tenant_failures_;
            until = now + tenant_back_off(tenant_failures_, luck);
            break;
        default:
            return;
    }
    ++epoch_;
    tenant_error_ = to_string(error);
    auto& whose = error.next == Next::Credentials ? refused_until_ : blocked_until_;
    whose = std::max(whose, until);
}

void Reconciler::note_success() {
    const std::lock_guard lock(mutex_);
    tenant_failures_ = 0;
    credential_failures_ = 0;
    tenant_error_.clear();
}

void Reconciler::want_sweep(const Job& job, std::string_view reason) {
    if (job.entry == nullptr || !job.entry->swept || !parts_.missed) return;
    const auto wanted = parts_.missed(job.target->key(), reason);
    if (!wanted && wanted.error().code != Errc::NotFound) {
        log().error(
            "what may have been missed can not be noted: name={} tenant={} {}", job.record.name,
            tenant_, to_string(wanted.error())
        );
    }
}

Api Reconciler::api_of(const Job& job) const {
    const Kind* kind = kind_named(job.record.kind);
    const bool beta = job.entry != nullptr ? job.entry->beta : kind != nullptr && kind->beta;
    return beta ? Api::Beta : Api::V1;
}

std::chrono::minutes Reconciler::life_for(const Job& job) const {
    auto life = job.entry != nullptr
                    ? job.entry->life
                    : ask_life(kind_named(job.record.kind), !job.record.certificate_id.empty());
    const std::lock_guard lock(mutex_);
    if (const auto limit = limits_.find(limit_key(job.record)); limit != limits_.end())
        life = std::min(life, limit->second);
    return std::max(life, kShortestLife);
}

bool Reconciler::learn_limit(const Job& job, const GraphError& error) {
    if (!error.longest_life) return false;
    const auto limit = std::max<std::chrono::minutes>(*error.longest_life - 5min, kShortestLife);
    if (limit >= life_for(job)) return false;
    log().warn(
        "graph allows less life than we asked for: name={} kind={} minutes={}", job.record.name,
        job.record.kind, limit.count()
    );
    const std::lock_guard lock(mutex_);
    limits_[limit_key(job.record)] = limit;
    return true;
}

std::string Reconciler::limit_key(const Stored& record) {
    return record.certificate_id.empty() ? record.kind : record.kind + " with resource data";
}

std::string Reconciler::random(std::size_t bytes) {
    const std::lock_guard lock(random_mutex_);
    return parts_.random(bytes);
}

double Reconciler::dice() {
    const std::string hex = random(2);
    unsigned number = 0;
    std::from_chars(hex.data(), hex.data() + hex.size(), number, 16);
    return static_cast<double>(number % 65'536) / 65'536.0;
}

}  // namespace graphhook::subscriptions
