#include "tests/handlers/fake_source.hpp"

#include <algorithm>
#include <set>

namespace graphhook::handlers {
namespace {

using store::DeliveryState;
constexpr std::chrono::seconds kWatchdog{20};

bool is_over(DeliveryState state) {
    return state == DeliveryState::Done || state == DeliveryState::Dead ||
           state == DeliveryState::Quarantined;
}

}  // namespace

store::StreamPtr stream_of(std::string subscription, store::Lane lane, std::string change) {
    auto stream = std::make_shared<store::Stream>();
    stream->lane = lane;
    stream->tenant = "contoso";
    stream->subscription = std::move(subscription);
    stream->kind = "message";
    stream->change = std::move(change);
    return stream;
}

FakeSource::FakeSource(Clock& clock) : clock_(clock), thread_([this] { run(); }) {
}

FakeSource::~FakeSource() {
    {
        const Lock lock(mutex_);
        stop_ = true;
        posted_.notify_all();
    }
    thread_.join();
}

void FakeSource::run() {
    Lock lock(mutex_);
    for (;;) {
        posted_.wait(lock, [&] { return stop_ || !tasks_.empty(); });
        if (tasks_.empty()) return;
        auto task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task();
        lock.lock();
    }
}

void FakeSource::post(Task task) {
    const Lock lock(mutex_);
    tasks_.push_back(std::move(task));
    posted_.notify_all();
}

void FakeSource::announce(Lock& lock) {
    std::vector<std::function<void()>> calls;
    for (const auto& [name, target] : targets_) {
        if (target.attached) calls.push_back(target.attachment.on_work);
    }
    changed_.notify_all();
    lock.unlock();
    for (const auto& call : calls) call();
}

std::int64_t FakeSource::add(
    std::uint64_t key, store::StreamPtr stream, std::string body, std::chrono::milliseconds age
) {
    return add(key, std::move(stream), std::move(body), age, nullptr);
}

std::int64_t FakeSource::add_rich(
    std::uint64_t key, std::string body, std::string tokens, std::chrono::milliseconds age
) {
    auto proof = std::make_shared<store::Proof>();
    proof->tokens = std::move(tokens);
    return add(key, stream_of(), std::move(body), age, std::move(proof));
}

std::int64_t FakeSource::add(
    std::uint64_t key, store::StreamPtr stream, std::string body, std::chrono::milliseconds age,
    store::ProofPtr proof
) {
    Row row;
    row.delivery.proof = std::move(proof);
    row.delivery.stream = std::move(stream);
    row.delivery.order_key = key;
    row.delivery.resource = "users/1/messages/" + std::to_string(key);
    row.delivery.body = std::move(body);
    row.delivery.received_at = clock_.system_now() - age;
    std::int64_t id = 0;
    {
        const Lock lock(mutex_);
        id = next_id_++;
        row.delivery.id = {id};
        for (auto& [name, target] : targets_) {
            if (target.attachment.accepts(*row.delivery.stream)) target.rows.emplace(id, row);
        }
    }
    poke();
    return id;
}

void FakeSource::poke() {
    post([this] {
        Lock lock(mutex_);
        for (auto& [name, target] : targets_) {
            for (auto& [id, row] : target.rows) {
                if (row.state == DeliveryState::Leased && row.lease_ends <= clock_.steady_now()) {
                    row.state = DeliveryState::Waiting;
                    ++row.delivery.attempt;
                }
            }
        }
        announce(lock);
    });
}

bool FakeSource::wait_until(
    const std::string& handler, std::function<bool(const Rows&)> condition
) {
    Lock lock(mutex_);
    return changed_.wait_for(lock, kWatchdog, [&] { return condition(targets_[handler].rows); });
}

bool FakeSource::wait_for_state(const std::string& handler, std::int64_t id, DeliveryState state) {
    return wait_until(handler, [&](const Rows& rows) {
        const auto found = rows.find(id);
        return found != rows.end() && found->second.state == state;
    });
}

FakeSource::Row FakeSource::row(const std::string& handler, std::int64_t id) {
    const Lock lock(mutex_);
    return targets_[handler].rows[id];
}

std::size_t FakeSource::count(const std::string& handler, DeliveryState state) {
    const Lock lock(mutex_);
    const auto& rows = targets_[handler].rows;
    return static_cast<std::size_t>(std::count_if(rows.begin(), rows.end(), [&](const auto& row) {
        return row.second.state == state;
    }));
}

std::size_t FakeSource::durable_writes() {
    const Lock lock(mutex_);
    return writes_;
}
std::size_t FakeSource::leases_asked() {
    const Lock lock(mutex_);
    return asked_;
}
std::size_t FakeSource::extended() {
    const Lock lock(mutex_);
    return extended_;
}
std::size_t FakeSource::refused() {
    const Lock lock(mutex_);
    return refused_;
}
bool FakeSource::attached(const std::string& handler) {
    const Lock lock(mutex_);
    return targets_.contains(handler) && targets_[handler].attached;
}
void FakeSource::fail_next_lease() {
    const Lock lock(mutex_);
    fail_lease_ = true;
}
void FakeSource::bump_attempt(const std::string& handler, std::int64_t id) {
    const Lock lock(mutex_);
    ++targets_[handler].rows[id].delivery.attempt;
}

void FakeSource::attach(store::Attachment attachment, Completion<std::monostate> done) {
    post([this, attachment = std::move(attachment), done = std::move(done)]() mutable {
        {
            const Lock lock(mutex_);
            auto& target = targets_[attachment.handler];
            target.attachment = std::move(attachment);
            target.attached = true;
        }
        done.call(std::monostate{});
    });
}

void FakeSource::detach(std::string handler, Completion<std::monostate> done) {
    post([this, handler = std::move(handler), done = std::move(done)]() mutable {
        {
            const Lock lock(mutex_);
            targets_[handler].attached = false;
            changed_.notify_all();
        }
        done.call(std::monostate{});
    });
}

std::vector<store::Delivery> FakeSource::lease_now(const store::LeaseRequest& request) {
    std::vector<store::Delivery> leased;
    auto& target = targets_[request.handler];
    std::set<std::uint64_t> blocked;
    const auto now = clock_.system_now();
    for (const auto lane : {store::Lane::Lifecycle, store::Lane::Change}) {
        for (auto& [id, row] : target.rows) {
            if (leased.size() == request.limit) break;
            if (row.delivery.stream->lane != lane || is_over(row.state)) continue;
            const bool first = blocked.insert(row.delivery.order_key).second;
            if (!first || row.state == DeliveryState::Leased || row.not_before > now) continue;
            row.state = DeliveryState::Leased;
            row.lease_ends = clock_.steady_now() + request.hold;
            ++row.leases;
            leased.push_back(row.delivery);
        }
    }
    return leased;
}

void FakeSource::lease(store::LeaseRequest request, Completion<std::vector<store::Delivery>> done) {
    post([this, request = std::move(request), done = std::move(done)]() mutable {
        Result<std::vector<store::Delivery>> result = fail(Errc::Busy, "not now");
        {
            const Lock lock(mutex_);
            ++asked_;
            if (!std::exchange(fail_lease_, false)) result = lease_now(request);
            changed_.notify_all();
        }
        done.call(std::move(result));
    });
}

bool FakeSource::settle_one(Target& target, const store::Settlement& settlement) {
    const auto found = target.rows.find(settlement.id.value);
    if (found == target.rows.end()) return false;
    auto& row = found->second;
    if (row.state != DeliveryState::Leased || row.delivery.attempt != settlement.attempt) {
        return false;
    }
    row.reason = settlement.reason;
    row.not_before = settlement.at;
    row.delivery.used = settlement.used;
    switch (settlement.as) {
        case store::SettleAs::Done:
            row.state = DeliveryState::Done;
            break;
        case store::SettleAs::Quarantine:
            row.state = DeliveryState::Quarantined;
            break;
        case store::SettleAs::Dead:
            row.state = DeliveryState::Dead;
            break;
        case store::SettleAs::Retry:
            row.state = DeliveryState::Retrying;
            ++row.delivery.attempt;
            break;
        case store::SettleAs::Release:
            row.state = DeliveryState::Waiting;
            ++row.releases;
            return true;
    }
    ++writes_;
    return true;
}

void FakeSource::settle(
    std::string handler, std::vector<store::Settlement> settlements, Completion<std::size_t> done
) {
    post([this, handler = std::move(handler), settlements = std::move(settlements),
          done = std::move(done)]() mutable {
        std::size_t refused = 0;
        Lock lock(mutex_);
        for (const auto& settlement : settlements) {
            if (!settle_one(targets_[handler], settlement)) ++refused;
        }
        refused_ += refused;
        lock.unlock();
        done.call(refused);
        lock.lock();
        announce(lock);
    });
}

void FakeSource::extend(
    std::string handler, std::vector<store::NotificationId> ids, std::chrono::milliseconds hold
) {
    post([this, handler = std::move(handler), ids = std::move(ids), hold] {
        const Lock lock(mutex_);
        for (const auto id : ids) {
            auto& row = targets_[handler].rows[id.value];
            if (row.state != DeliveryState::Leased) continue;
            row.lease_ends = clock_.steady_now() + hold;
            ++extended_;
        }
        changed_.notify_all();
    });
}

}  // namespace graphhook::handlers
