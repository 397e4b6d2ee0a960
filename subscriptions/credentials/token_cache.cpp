#include "subscriptions/credentials/token_cache.hpp"

#include "core/log.hpp"

#include <algorithm>
#include <condition_variable>
#include <optional>

namespace graphhook::subscriptions {

struct TokenSlot {
    struct Token {
        Secret value;
        SystemTime refresh_at;
        SystemTime expires_at;
    };
    struct Failure {
        GraphError error;
        SteadyTime until;
        bool until_files_change = false;
        std::string files;
    };
    std::mutex mutex;
    std::condition_variable_any fetched;
    // Guarded by mutex.
    bool fetching = false;
    std::optional<Token> token;
    std::optional<Failure> failure;
    unsigned failures = 0;  ///< In a row.
    Secret claims;          ///< For the next request.
    std::optional<SteadyTime> dropped_at;
};

namespace {

constexpr std::chrono::seconds kBetweenDrops(10);

TokenSlot::Token token_of(FreshToken fresh, SystemTime now) {
    TokenSlot::Token token;
    token.value = std::move(fresh.value);
    token.expires_at = now + fresh.lives;
    // Whichever comes first; a very short life still serves for half of itself.
    const auto early = std::max(fresh.lives - std::chrono::minutes(5), fresh.lives / 2);
    token.refresh_at = now + std::min<std::chrono::seconds>(fresh.lives * 4 / 5, early);
    return token;
}

}  // namespace

bool really_wait(std::chrono::milliseconds how_long, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    (void)never.wait_for(lock, stop, how_long, [] { return false; });
    return !stop.stop_requested();
}

std::chrono::seconds pause_after(const GraphError& error, unsigned count, SystemTime now) {
    using std::chrono::seconds;
    const unsigned doublings = std::min(count > 0 ? count - 1 : 0U, 12U);
    const auto growing = [doublings](seconds first, seconds most) {
        return std::min(first * (1 << doublings), most);
    };
    if (error.retry_at && *error.retry_at > now)
        return std::chrono::ceil<seconds>(*error.retry_at - now);
    switch (error.next) {
        case Next::Aborted:
            return seconds(0);
        case Next::RetryLater:
        case Next::Garbled:
            return growing(seconds(1), std::chrono::minutes(1));
        case Next::Throttled:
            return growing(seconds(10), std::chrono::minutes(5));
        default:
            return growing(std::chrono::minutes(1), std::chrono::hours(1));
    }
}

std::shared_ptr<TokenSlot> TokenCache::slot(const std::string& key) {
    const std::lock_guard lock(mutex_);
    std::erase_if(slots_, [](const auto& entry) { return entry.second.expired(); });
    auto slot = slots_[key].lock();
    if (!slot) {
        slot = std::make_shared<TokenSlot>();
        slots_[key] = slot;
    }
    return slot;
}

CachedTokens::CachedTokens(
    std::string tenant, std::unique_ptr<TokenFlow> flow, std::shared_ptr<TokenSlot> slot,
    Clock& clock
)
    : tenant_(std::move(tenant)), flow_(std::move(flow)), slot_(std::move(slot)), clock_(clock) {
}

GraphResult<Secret> CachedTokens::get(std::stop_token stop) {
    TokenSlot& slot = *slot_;
    std::unique_lock lock(slot.mutex);
    refused_with_.reset();
    while (true) {
        const SystemTime now = clock_.system_now();
        const bool alive = slot.token && now < slot.token->expires_at;
        if (alive && (slot.fetching || now < slot.token->refresh_at)) return slot.token->value;
        if (!slot.fetching) break;
        const bool over = slot.fetched.wait(lock, stop, [&slot] { return !slot.fetching; });
        if (!over) return GraphError{.next = Next::Aborted, .message = "stopped"};
    }
    // Before the request: what is written while it is under way counts as new afterwards.
    const std::string files = flow_->files_state();
    if (slot.failure) {
        const bool same_files = slot.failure->files == files;
        const bool paused =
            slot.failure->until_files_change || clock_.steady_now() < slot.failure->until;
        if (same_files && paused) {
            if (slot.token && clock_.system_now() < slot.token->expires_at)
                return slot.token->value;
            refused_with_ = files;
            return slot.failure->error;
        }
        if (!same_files) slot.failures = 0;
    }
    slot.fetching = true;
    const Secret claims = std::move(slot.claims);
    slot.claims = Secret();
    lock.unlock();
    auto fetched = flow_->fetch(claims.reveal(), stop);
    const bool final = !fetched && flow_->only_a_new_file_helps(fetched.error());
    lock.lock();
    slot.fetching = false;
    slot.fetched.notify_all();
    const SystemTime now = clock_.system_now();
    if (fetched) {
        slot.failure.reset();
        slot.failures = 0;
        slot.token = token_of(std::move(*fetched), now);
        return slot.token->value;
    }
    const GraphError& error = fetched.error();
    if (error.next == Next::Aborted) {
        // Who gave up says nothing about the platform: the next caller asks.
        if (slot.claims.empty()) slot.claims = claims;
        return error;
    }
    const bool passing = error.next == Next::RetryLater || error.next == Next::Throttled;
    if (passing && slot.claims.empty()) slot.claims = claims;
    ++slot.failures;
    std::chrono::seconds pause = pause_after(error, slot.failures, now);
    const bool alive = slot.token && now < slot.token->expires_at;
    if (alive) pause = std::max<std::chrono::seconds>(pause, std::chrono::minutes(1));
    slot.failure = TokenSlot::Failure{
        .error = error,
        .until = clock_.steady_now() + pause,
        .until_files_change = final,
        .files = files
    };
    if (!alive) {
        refused_with_ = files;
        return error;
    }
    log().warn(
        "a new token is not to be had yet, the old one serves: tenant={} {}", tenant_,
        to_string(error)
    );
    return slot.token->value;
}

CredentialState CachedTokens::state() const {
    const std::lock_guard lock(slot_->mutex);
    if (!refused_with_) return CredentialState::Fine;
    return flow_->files_state() == *refused_with_ ? CredentialState::Refused
                                                  : CredentialState::Mended;
}

void CachedTokens::drop(const Secret& token, std::string_view claims) {
    const std::lock_guard lock(slot_->mutex);
    if (!slot_->token || !slot_->token->value.equals(token.reveal())) return;
    const SteadyTime now = clock_.steady_now();
    if (claims.empty() && slot_->dropped_at && now - *slot_->dropped_at < kBetweenDrops) return;
    slot_->dropped_at = now;
    slot_->token.reset();
    slot_->claims = Secret(std::string(claims));
}

}  // namespace graphhook::subscriptions
