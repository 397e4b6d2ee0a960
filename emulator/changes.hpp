#pragma once

#include "core/clock.hpp"
#include "emulator/data/world.hpp"
#include "emulator/faults.hpp"
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
    /// With a resource: there, whether somebody watches or not. Empty: in all tenants where
    /// somebody does.
    std::string tenant;
    ChangeType type = ChangeType::Updated;
    std::uint64_t count = 1;
    /// Changes per second; 0: as fast as the queue takes them.
    double rate = 0;
    /// The changes go round so many objects; 0: each change is to an object of its own.
    std::uint64_t objects = 0;
    /// The changes go round the objects that are there.
    bool existing = false;
    /// Only this one; empty: see above.
    std::string object;
    /// Messages and contacts: each is moved into this folder. Empty: no move.
    std::string move_to;
    /// Nobody is notified.
    bool silent = false;
    Detail detail;
    /// What is forged, for subscribers with resource data; null: nothing.
    const ForgeryKind* forgery = nullptr;
    /// Each kind of forgery in turn.
    bool all_forgeries = false;
    /// Every so many changes one is forged.
    std::uint64_t forge_every = 1;
    /// The good token is there, too.
    bool beside_good = false;

    [[nodiscard]] bool forges() const { return forgery != nullptr || all_forgeries; }
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

/// Makes changes: changes the data, finds who watches, writes the ledger, fills the outbox, no
/// faster than asked and never beyond the outbox's room. One thread.
class ChangeMaker {
  public:
    ChangeMaker(
        Registry& registry, World& world, Outbox& outbox, Ledger& ledger, Faults& faults,
        Stats& stats, Clock& clock
    )
        : registry_(registry),
          world_(world),
          outbox_(outbox),
          ledger_(ledger),
          faults_(faults),
          stats_(stats),
          clock_(clock) {}

    /// Errc::NotFound if no live subscription watches for such changes, where that matters;
    /// Errc::Full with too many jobs at once; Errc::BadInput for what cannot be done there.
    [[nodiscard]] Result<std::shared_ptr<ChangeJob>> start(ChangeRequest request);
    /// Makes what is due. True as long as there is a job with changes to make.
    bool step();
    [[nodiscard]] std::shared_ptr<ChangeJob> find(std::uint64_t id) const;
    /// What became of an item that this made.
    void settled(const Item& item, Settlement settlement, int attempts);
    void clear();

  private:
    /// One collection, or one object, in one tenant.
    struct Target {
        std::shared_ptr<const ChangedResource> where;
        Landing landing;
        /// Where moved objects go.
        std::shared_ptr<const ChangedResource> to;
        Landing to_landing;
        /// The last of the existing objects that was changed.
        std::uint64_t cursor = 0;
    };
    struct Running {
        std::shared_ptr<ChangeJob> job;
        std::vector<Target> targets;
        std::uint64_t targets_version = 0;
        std::uint64_t steps = 0;
    };
    [[nodiscard]] Target target_of(
        std::string tenant, const Recognised& resource, const ChangeRequest& request
    ) const;
    [[nodiscard]] Result<std::vector<Target>> targets_of(const ChangeRequest& request) const;
    [[nodiscard]] bool watched(const Target& target, const ChangeRequest& request) const;
    /// Looks again who is there to be notified; false if nobody is any more.
    bool look_again(Running& running);
    [[nodiscard]] std::optional<std::uint64_t> next_object(const ChangeJob& job, Target& target);
    [[nodiscard]] std::vector<SubscriptionPtr> watchers(
        const ChangedResource& where, const Landing& landing, const Change& change
    ) const;
    /// False if the outbox has no room for it now.
    bool make(const std::shared_ptr<ChangeJob>& job, Target& target, SteadyPoint now);
    void notify(
        const std::shared_ptr<ChangeJob>& job, const std::shared_ptr<const ChangedResource>& where,
        const Landing& landing, const Change& change,
        const std::vector<SubscriptionPtr>& subscriptions, SteadyPoint now
    );
    /// Gives the item its resource data, and what is forged of it.
    void enrich(Item& item, const Landing& landing);

    Registry& registry_;
    World& world_;
    Outbox& outbox_;
    Ledger& ledger_;
    Faults& faults_;
    Stats& stats_;
    Clock& clock_;
    std::vector<Running> running_;
    std::vector<std::shared_ptr<ChangeJob>> jobs_;  // the newest, finished or not
    std::uint64_t last_job_ = 0;
};

}  // namespace graphhook::emulator
