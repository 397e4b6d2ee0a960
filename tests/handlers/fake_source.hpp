#pragma once

#include "handlers/delivery_source.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace graphhook::handlers {

/// Keeps the promises of store::Store about handing over, in memory and with a thread of its own
/// like the real one: one lease for each (handler, order key), in order; what is retried holds back
/// what comes after it; completions of an older attempt are refused.
class FakeSource final : public DeliverySource {
  public:
    explicit FakeSource(Clock& clock);
    ~FakeSource() override;

    struct Row {
        store::Delivery delivery;
        store::DeliveryState state = store::DeliveryState::Waiting;
        SystemTime not_before{};
        SteadyTime lease_ends{};
        std::string reason;
        std::uint32_t leases = 0, releases = 0;
    };

    /// Accepts a notification: a row for every attached handler that accepts its stream.
    std::int64_t add(
        std::uint64_t key, store::StreamPtr stream, std::string body = "{}",
        std::chrono::milliseconds age = {}
    );
    /// A rich one of the usual stream.
    std::int64_t add_rich(
        std::uint64_t key, std::string body = R"({"encryptedContent":{}})",
        std::string tokens = R"(["genuine"])", std::chrono::milliseconds age = {}
    );
    /// Times moved on: calls on_work where something fell due, and ends leases that ran out.
    void poke();
    /// Waits (with a watchdog) until `condition` holds for the handler's rows.
    using Rows = std::map<std::int64_t, Row>;
    bool wait_until(const std::string& handler, std::function<bool(const Rows&)> condition);
    bool wait_for_state(const std::string& handler, std::int64_t id, store::DeliveryState state);
    Row row(const std::string& handler, std::int64_t id);
    std::size_t count(const std::string& handler, store::DeliveryState state);
    /// Settlements that a real store would have written.
    std::size_t durable_writes();
    std::size_t leases_asked();
    std::size_t extended();
    std::size_t refused();
    bool attached(const std::string& handler);
    void fail_next_lease();
    /// As when a lease was lost and another worker took the delivery.
    void bump_attempt(const std::string& handler, std::int64_t id);

    void attach(store::Attachment attachment, Completion<std::monostate> done) override;
    void detach(std::string handler, Completion<std::monostate> done) override;
    void lease(store::LeaseRequest request, Completion<std::vector<store::Delivery>> done) override;
    void settle(
        std::string handler, std::vector<store::Settlement> settlements,
        Completion<std::size_t> done
    ) override;
    void extend(
        std::string handler, std::vector<store::NotificationId> ids, std::chrono::milliseconds hold
    ) override;

  private:
    struct Target {
        store::Attachment attachment;
        Rows rows;
        bool attached = true;
    };
    using Lock = std::unique_lock<std::mutex>;
    std::int64_t add(
        std::uint64_t key, store::StreamPtr stream, std::string body, std::chrono::milliseconds age,
        store::ProofPtr proof
    );
    void post(Task task);
    void run();
    std::vector<store::Delivery> lease_now(const store::LeaseRequest& request);
    bool settle_one(Target& target, const store::Settlement& settlement);
    void announce(Lock& lock);

    Clock& clock_;
    std::mutex mutex_;
    std::condition_variable changed_, posted_;
    std::map<std::string, Target> targets_;
    std::int64_t next_id_ = 1;
    std::size_t writes_ = 0, asked_ = 0, extended_ = 0, refused_ = 0;
    bool fail_lease_ = false, stop_ = false;
    std::deque<Task> tasks_;
    std::thread thread_;
};

store::StreamPtr stream_of(
    std::string subscription = "inbox", store::Lane lane = store::Lane::Change,
    std::string change = "created"
);

}  // namespace graphhook::handlers
