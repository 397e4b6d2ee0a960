#pragma once

#include "core/clock.hpp"
#include "emulator/ledger.hpp"
#include "emulator/outbox.hpp"
#include "emulator/registry.hpp"
#include "emulator/stats.hpp"

#include <boost/json/object.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::emulator {

/// Which changes are to be made.
struct ChangeRequest {
    /// One of these: to all resources of the kind in turn, to one resource, or to that of one
    /// subscription.
    std::string kind;
    std::string resource;
    std::string subscription;
    ChangeType type = ChangeType::Updated;
    std::uint64_t count = 1;
    /// Changes per second; 0: as fast as the queue takes them.
    double rate = 0;
    /// The changes go round so many objects; 0: each change is to an object of its own.
    std::uint64_t objects = 0;
};

/// {"kind":"message","change":"created","count":1000,"rate":200,"objects":0}; Errc::BadInput with
/// the reason.
[[nodiscard]] Result<ChangeRequest> read_change_request(const boost::json::object& json);

/// A request being worked off.
struct ChangeJob {
    std::uint64_t id = 0;
    ChangeRequest request;
    SteadyPoint started;
    std::uint64_t first_object = 0;
    std::uint64_t made = 0;
    std::uint64_t items = 0;
    std::uint64_t accepted = 0;
    std::uint64_t failed = 0;
    std::uint64_t dropped = 0;
    std::uint64_t lost = 0;
    /// Why it ended early; empty if it did not.
    std::string trouble;

    [[nodiscard]] bool all_made() const { return made == request.count || !trouble.empty(); }
    [[nodiscard]] bool settled() const {
        return all_made() && accepted + failed + dropped + lost == items;
    }
    [[nodiscard]] boost::json::object to_json() const;
};

/// Makes changes: finds who watches, writes the ledger, fills the outbox, no faster than asked and
/// never beyond the outbox's room. One thread.
class ChangeMaker {
  public:
    ChangeMaker(Registry& registry, Outbox& outbox, Ledger& ledger, Stats& stats, Clock& clock)
        : registry_(registry), outbox_(outbox), ledger_(ledger), stats_(stats), clock_(clock) {}

    /// Errc::NotFound if no live subscription watches for such changes; Errc::Full with too many
    /// jobs at once.
    [[nodiscard]] Result<std::shared_ptr<ChangeJob>> start(ChangeRequest request);
    /// Makes what is due. True as long as there is a job with changes to make.
    bool step();
    [[nodiscard]] std::shared_ptr<ChangeJob> find(std::uint64_t id) const;
    /// What became of an item that this made.
    void settled(const Item& item, Settlement settlement, int attempts);
    void clear();

  private:
    /// Resources that see the same changes, and who watches them.
    struct Target {
        std::vector<SubscriptionPtr> subscriptions;
    };
    [[nodiscard]] std::vector<Target> targets_of(const ChangeRequest& request) const;
    void make(
        ChangeJob& job, const std::shared_ptr<ChangeJob>& shared, const Target& target,
        SteadyPoint now
    );

    struct Running {
        std::shared_ptr<ChangeJob> job;
        std::vector<Target> targets;
        std::uint64_t targets_version = 0;
    };
    Registry& registry_;
    Outbox& outbox_;
    Ledger& ledger_;
    Stats& stats_;
    Clock& clock_;
    std::vector<Running> running_;
    std::vector<std::shared_ptr<ChangeJob>> jobs_;  // the newest, finished or not
    std::uint64_t last_job_ = 0;
    std::uint64_t last_change_ = 0;
    std::uint64_t last_object_ = 0;
    SystemTime last_at_{};
};

}  // namespace graphhook::emulator
