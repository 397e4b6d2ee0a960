#pragma once

#include "core/clock.hpp"
#include "core/digest.hpp"
#include "core/work_pool.hpp"
#include "subscriptions/graph/graph_data.hpp"
#include "subscriptions/graph/quota.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/sync/sweeper.hpp"
#include "subscriptions/sync/sync_table.hpp"
#include "tests/support/hand_clock.hpp"

#include <boost/json/parse.hpp>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace graphhook::subscriptions::test {

/// 2026-11-21T08:00:00Z
inline constexpr SystemTime kNow{std::chrono::seconds(1'795'248'000)};

class FakeClock final : public graphhook::test::HandClock {
  public:
    FakeClock() : HandClock(kNow) {}
};

inline const std::string kGraph = "https://graph.microsoft.com/v1.0/";

/// `objects` as JSON: "{…},{…}".
inline DataPage page(std::string_view objects, std::string next = {}, std::string delta = {}) {
    DataPage made;
    made.value = boost::json::parse("[" + std::string(objects) + "]").get_array();
    made.next_link = std::move(next);
    made.delta_link = std::move(delta);
    return made;
}
/// The last page of a delta query.
inline DataPage last(std::string_view objects, std::string delta) {
    return page(objects, {}, std::move(delta));
}
inline GraphError error(Next next, int status = 0) {
    GraphError made;
    made.next = next;
    made.status = status;
    made.code = "faked";
    made.request_id = "req-1";
    return made;
}

/// Plays the pages that a test scripted. What was scripted several times for one target comes in
/// that order, and the last for ever.
class FakeGraphData final : public GraphData {
  public:
    GraphResult<DataPage> page(const DataRequest& request, std::stop_token) override {
        auto reply = take(pages_, request);
        if (before_reply) before_reply(request);
        return reply;
    }
    GraphResult<boost::json::object> object(const DataRequest& request, std::stop_token) override {
        return take(objects_, request);
    }
    void on(const std::string& target, GraphResult<DataPage> reply) {
        const std::lock_guard lock(mutex_);
        pages_[target].push_back(std::move(reply));
    }
    void on_object(const std::string& target, GraphResult<boost::json::object> reply) {
        const std::lock_guard lock(mutex_);
        objects_[target].push_back(std::move(reply));
    }
    /// Forgets what was scripted for it, and plays this.
    void instead(const std::string& target, GraphResult<DataPage> reply) {
        const std::lock_guard lock(mutex_);
        pages_[target].clear();
        pages_[target].push_back(std::move(reply));
    }
    [[nodiscard]] std::vector<std::string> calls() const {
        const std::lock_guard lock(mutex_);
        return calls_;
    }
    std::vector<std::string> take_calls() {
        const std::lock_guard lock(mutex_);
        return std::exchange(calls_, {});
    }
    [[nodiscard]] std::vector<DataRequest> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }
    /// On the thread of the round, after the reply was made.
    std::function<void(const DataRequest&)> before_reply;

  private:
    template <class Reply>
    Reply take(std::map<std::string, std::deque<Reply>>& from, const DataRequest& request) {
        const std::lock_guard lock(mutex_);
        calls_.push_back(request.target);
        requests_.push_back(request);
        const auto found = from.find(request.target);
        if (found == from.end() || found->second.empty()) {
            GraphError none = error(Next::Garbled);
            none.message = "not scripted: " + request.target;
            return none;
        }
        Reply reply = found->second.front();
        if (found->second.size() > 1) found->second.pop_front();
        return reply;
    }

    mutable std::mutex mutex_;
    std::map<std::string, std::deque<GraphResult<DataPage>>> pages_;
    std::map<std::string, std::deque<GraphResult<boost::json::object>>> objects_;
    std::vector<std::string> calls_;
    std::vector<DataRequest> requests_;
};

/// Works, in memory, and drops repeats as the store does. Outlives the sweepers of a test, as the
/// file on disk would.
class FakeSyncTable final : public SyncTable {
  public:
    Result<std::vector<store::SyncState>> states() override {
        const std::lock_guard lock(mutex_);
        std::vector<store::SyncState> all;
        for (const auto& [key, row] : rows_) all.push_back(row.state);
        return all;
    }
    Result<std::vector<store::Watermark>> watermarks(const store::SyncKey& key) override {
        const std::lock_guard lock(mutex_);
        std::vector<store::Watermark> all;
        if (const auto row = rows_.find(key); row != rows_.end()) {
            for (const auto& [part, mark] : row->second.marks) all.push_back(mark);
        }
        return all;
    }
    Result<std::monostate> change(const store::SyncChange& change) override {
        const std::lock_guard lock(mutex_);
        if (fail_change && fail_change(change)) return fail(Errc::Failed, "the disk is gone");
        if (change.erase_all) {
            rows_.erase(change.state.key);
            return std::monostate{};
        }
        Row& row = rows_[change.state.key];
        row.state = change.state;
        if (change.erase_parts) row.marks.clear();
        for (const auto& part : change.erase) row.marks.erase(part);
        for (const auto& mark : change.put) row.marks[mark.part] = mark;
        return std::monostate{};
    }
    Result<store::Appended> append(std::vector<store::Item> items) override {
        const std::lock_guard lock(mutex_);
        ++appends_;
        if (refuse_appends > 0) {
            --refuse_appends;
            return fail(Errc::Full, "no room");
        }
        store::Appended appended;
        for (auto& item : items) {
            bool repeat = item.identity && !identities_.insert(*item.identity).second;
            if (item.version) {
                const std::uint64_t object = first64(*item.version);
                auto& stored = versions_[object];
                repeat = repeat || stored == item.version;
                stored = item.version;
            }
            if (repeat) {
                ++appended.repeated;
                continue;
            }
            ++appended.stored;
            items_.push_back(std::move(item));
        }
        return appended;
    }
    Result<std::string> note(const std::string&) override { return std::string(); }
    Result<std::monostate> put_note(const std::string&, const std::string&) override {
        return std::monostate{};
    }

    /// "created Users/x/Messages/a", in order.
    [[nodiscard]] std::vector<std::string> told() const {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> all;
        for (const auto& item : items_) all.push_back(item.stream->change + " " + item.resource);
        return all;
    }
    std::vector<std::string> take_told() {
        auto all = told();
        const std::lock_guard lock(mutex_);
        items_.clear();
        return all;
    }
    [[nodiscard]] std::vector<store::Item> items() const {
        const std::lock_guard lock(mutex_);
        return items_;
    }
    [[nodiscard]] std::optional<store::SyncState> state(
        const std::string& name, const std::string& element = {}
    ) const {
        const std::lock_guard lock(mutex_);
        const auto row = rows_.find({"contoso", name, element});
        if (row == rows_.end()) return std::nullopt;
        return row->second.state;
    }
    [[nodiscard]] std::map<std::string, std::string> links(const std::string& name) const {
        const std::lock_guard lock(mutex_);
        std::map<std::string, std::string> all;
        const auto row = rows_.find({"contoso", name, ""});
        if (row == rows_.end()) return all;
        for (const auto& [part, mark] : row->second.marks) all[part] = mark.link;
        return all;
    }
    /// What was notified: a version that is known.
    void notified(const Key128& version) {
        const std::lock_guard lock(mutex_);
        versions_[first64(version)] = version;
    }

    std::function<bool(const store::SyncChange&)> fail_change;
    int refuse_appends = 0;

  private:
    struct Row {
        store::SyncState state;
        std::map<std::string, store::Watermark> marks;
    };
    mutable std::mutex mutex_;
    std::map<store::SyncKey, Row> rows_;
    std::vector<store::Item> items_;
    std::set<Key128> identities_;
    std::map<std::uint64_t, std::optional<Key128>> versions_;
    int appends_ = 0;
};

/// A sweeper with everything around it.
class Rig {
  public:
    explicit Rig(std::size_t threads = 1) : threads_(threads) { restart(); }
    ~Rig() { stop(); }
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    /// As after a crash: what is in memory is gone.
    void restart() {
        stop();
        pool_ = std::make_unique<WorkPool>(threads_);
        Tenant tenant;
        tenant.name = "contoso";
        tenant.tenant_id = "c0ffee00-0000-4000-8000-00000000c0de";
        sweeper_ = std::make_unique<Sweeper>(
            tenant, Sweeper::Parts{data, table, clock, metrics, quota, *pool_, [this] { ++wakes; }}
        );
        sweeper_->set_wanted(wanted_);
        for (const auto& target : targets_) sweeper_->put(target);
    }
    void want(WantedSubscription entry, const std::string& kind, const std::string& element = {}) {
        entry.tenant = "contoso";
        SweepTarget target;
        target.key = {entry.name, element};
        target.resource = entry.resource;
        target.kind = kind;
        target.graph_id = entry.way == WantedSubscription::Way::Poll
                              ? ""
                              : "6d0f6a0c-7a39-4f0e-8a53-2f7a0b5d1c11";
        std::erase_if(wanted_, [&](const auto& other) { return other.name == entry.name; });
        wanted_.push_back(std::move(entry));
        targets_.push_back(target);
        sweeper_->set_wanted(wanted_);
        sweeper_->put(std::move(target));
    }
    /// Steps until nothing is due any more.
    void settle() {
        for (int i = 0; i < 200; ++i) {
            const SystemTime next = sweeper_->step();
            pool_->wait_idle();
            if (next > clock.system_now() && sweeper_->step() > clock.system_now()) {
                pool_->wait_idle();
                if (!any("running") && !any("due")) return;
            }
        }
    }
    void once() {
        sweeper_->step();
        pool_->wait_idle();
    }
    [[nodiscard]] bool any(std::string_view state) const {
        const auto all = sweeper_->status();
        return std::ranges::any_of(all, [&](const auto& s) { return s.state == state; });
    }
    [[nodiscard]] SweepStatus status(const std::string& name, const std::string& element = {})
        const {
        for (auto& one : sweeper_->status()) {
            if (one.key == TargetKey{name, element}) return one;
        }
        return {};
    }
    [[nodiscard]] std::string metrics_text() const {
        return prometheus::TextSerializer().Serialize(registry.Collect());
    }
    Sweeper& sweeper() { return *sweeper_; }

    FakeClock clock;
    prometheus::Registry registry;
    Metrics metrics{registry};
    Quota quota{clock};
    FakeGraphData data;
    FakeSyncTable table;
    std::atomic<int> wakes{0};

  private:
    void stop() {
        if (pool_ != nullptr) pool_->stop();
        sweeper_.reset();
        pool_.reset();
    }
    const std::size_t threads_;
    std::unique_ptr<WorkPool> pool_;
    std::unique_ptr<Sweeper> sweeper_;
    std::vector<WantedSubscription> wanted_;
    std::vector<SweepTarget> targets_;
};

inline WantedSubscription swept(
    std::string name, std::string resource,
    std::vector<std::string> changes = {"created", "updated", "deleted"}
) {
    WantedSubscription entry;
    entry.name = std::move(name);
    entry.tenant = "contoso";
    entry.resource = std::move(resource);
    entry.changes = std::move(changes);
    entry.sync = true;
    return entry;
}

}  // namespace graphhook::subscriptions::test
