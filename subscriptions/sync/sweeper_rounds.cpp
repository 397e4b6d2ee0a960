// The sweeper's rounds: begun in the pool, and what follows from how they end.
#include "core/log.hpp"
#include "subscriptions/sync/sweeper_impl.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;

/// So many targets told to wait in a row: it is the tenant that Graph is telling.
constexpr std::size_t kThrottledTenant = 3;

/// What a round sees of its target.
class TargetHost final : public RoundHost {
  public:
    using Commit = std::function<
        Result<std::monostate>(const std::function<void(store::SyncState&)>&, store::SyncChange)>;
    TargetHost(
        std::function<store::SyncState()> state, std::function<void(SystemTime)> begun,
        Commit commit, std::function<bool()> give_way
    )
        : state_(std::move(state)),
          begun_(std::move(begun)),
          commit_(std::move(commit)),
          give_way_(std::move(give_way)) {}

    [[nodiscard]] store::SyncState state() const override { return state_(); }
    void begun(SystemTime at) override { begun_(at); }
    [[nodiscard]] Result<std::monostate> commit(
        const std::function<void(store::SyncState&)>& alter, store::SyncChange change
    ) override {
        return commit_(alter, std::move(change));
    }
    [[nodiscard]] bool give_way() const override { return give_way_(); }

  private:
    std::function<store::SyncState()> state_;
    std::function<void(SystemTime)> begun_;
    Commit commit_;
    std::function<bool()> give_way_;
};

}  // namespace

void Sweeper::Impl::start(const TargetPtr& target) {
    parts.pool.run([this, target](const std::stop_token& stop) { run(target, stop); });
}

void Sweeper::Impl::run(const TargetPtr& target, const std::stop_token& stop) {
    RoundJob job;
    bool goes_on = false;
    {
        const std::lock_guard lock(mutex);
        job = target->job(tenant);
        goes_on = std::exchange(target->paused, false);
    }
    TargetHost host(
        [&] {
            const std::lock_guard lock(mutex);
            return target->state;
        },
        [&](SystemTime at) {
            const std::lock_guard lock(mutex);
            target->began = at;
        },
        [&](const std::function<void(store::SyncState&)>& alter, store::SyncChange change) {
            return commit(target, alter, std::move(change));
        },
        [&] {
            // The resource may have changed under way: begin anew with what it is now.
            const std::lock_guard lock(mutex);
            if (target->gone || target->target.resource != job.target.resource) return true;
            return urgent.load() != 0 && urgency_of(target->state.reason) != 0 &&
                   parts.pool.free() == 0;
        }
    );
    const bool told = job.to.source == store::Source::Sweep && job.reason != "signal";
    if (told && !goes_on) {
        log().info(
            "sweep begins tenant={} subscription={} element={} reason={}", tenant.name, job.to.name,
            for_log(job.to.element), job.reason
        );
    }
    const SystemTime before = now();
    Round round(job, {parts.data, parts.table, parts.clock, parts.quota, parts.metrics, host});
    const auto halt = round.run(stop);
    over(target, job, round, halt, now() - before);
    parts.wake();
}

void Sweeper::Impl::over(
    const TargetPtr& target, const RoundJob& job, const Round& round,
    const std::optional<Halt>& halt, std::chrono::microseconds took
) {
    if (!halt) {
        parts.metrics.sweep("done");
        const bool quiet =
            (job.to.source == store::Source::Poll || job.reason == "signal") && round.found() == 0;
        log().log(
            quiet ? spdlog::level::debug : spdlog::level::info,
            "sweep over tenant={} subscription={} element={} reason={} found={} pages={} ms={}",
            tenant.name, job.to.name, for_log(job.to.element), job.reason, round.found(),
            round.pages(), std::chrono::duration_cast<std::chrono::milliseconds>(took).count()
        );
    } else if (halt->kind == Halt::Kind::Failed) {
        parts.metrics.sweep("failed");
        log().warn(
            "sweep failed tenant={} subscription={} element={} reason={} error=\"{}\"", tenant.name,
            job.to.name, for_log(job.to.element), job.reason, to_string(halt->error)
        );
        failed(target, halt->error);
    } else if (halt->kind == Halt::Kind::NotStored) {
        log().error(
            "sweep cannot be stored tenant={} subscription={} error=\"{}\"", tenant.name,
            job.to.name, to_string(halt->stored)
        );
    }
    const std::lock_guard lock(mutex);
    target->running = false;
    target->not_before = SystemTime{};
    if (!halt) {
        throttled.clear();
        hold_times = 0;
    } else if (halt->kind == Halt::Kind::Paused) {
        target->not_before = halt->until;
        target->paused = true;
    } else if (halt->kind == Halt::Kind::NotStored || halt->kind == Halt::Kind::Stopped) {
        // Who stops has stopped by then.
        target->not_before = now() + kStoreRetry;
    } else if (halt->kind == Halt::Kind::Failed) {
        hold(halt->error, target);
    }
    if (!target->gone) place(target);
}

/// With the mutex held: what concerns more than this target.
void Sweeper::Impl::hold(const GraphError& error, const TargetPtr& target) {
    const SystemTime at = now();
    if (error.next == Next::Credentials) {
        refused_until = std::max(refused_until, at + retry_after(++hold_times, tenant.name));
    } else if (error.next == Next::RetryLater && is_tenant_wide(error)) {
        const auto wait = std::min<std::chrono::seconds>(
            5s * (1 << std::min<std::uint32_t>(hold_times++, 5)), 60s
        );
        hold_until = std::max(hold_until, at + wait);
    } else if (error.next == Next::Throttled) {
        throttled.insert(target->target.key);
        if (throttled.size() < kThrottledTenant) return;
        throttled.clear();
        hold_until = std::max(hold_until, error.retry_at.value_or(at + 60s));
    }
}

void Sweeper::Impl::failed(const TargetPtr& target, const GraphError& error) {
    const SystemTime at = now();
    const auto stored = commit(
        target,
        [&](store::SyncState& state) {
            ++state.failures;
            state.last_error = to_string(error);
            SystemTime wait = at + retry_after(state.failures, target->seed());
            // Trouble of the way to Graph, or of the tenant, says nothing about the target.
            if (error.next == Next::Credentials ||
                (error.next == Next::RetryLater && is_tenant_wide(error)))
                wait = at;
            if (error.next == Next::Throttled && error.retry_at) wait = *error.retry_at;
            state.attempt_at = std::max(wait, error.retry_at.value_or(wait));
        },
        {}
    );
    if (stored) return;
    const std::lock_guard lock(mutex);
    const store::SyncState before = target->state;
    ++target->state.failures;
    target->state.last_error = to_string(error);
    target->state.attempt_at = at + retry_after(target->state.failures, target->seed());
    if (!target->gone) account(*target, before);
}

}  // namespace graphhook::subscriptions
