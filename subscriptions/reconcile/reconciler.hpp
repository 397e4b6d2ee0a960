#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/work_pool.hpp"
#include "subscriptions/credentials/token_source.hpp"
#include "subscriptions/graph/graph.hpp"
#include "subscriptions/graph/quota.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"
#include "subscriptions/plan/decide.hpp"
#include "subscriptions/plan/lifecycle.hpp"
#include "subscriptions/plan/parking.hpp"
#include "subscriptions/plan/plan.hpp"
#include "subscriptions/reconcile/subscription_table.hpp"
#include "subscriptions/reconcile/target_table.hpp"
#include "subscriptions/status.hpp"
#include "subscriptions/sync/sweeper.hpp"
#include "subscriptions/templates/expander.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

namespace graphhook::subscriptions {

/// Makes one tenant's subscriptions what they are wanted to be: decides about each target by
/// itself, when something about it changed or its time has come, and hands what is to be asked of
/// Graph to a pool, the most urgent first, as the quota permits. All that must survive is in the
/// records; what it remembers beside them is asked for anew after a restart.
///
/// Threads: `step` from one thread at a time; it writes nothing and asks Graph nothing itself, but
/// reads the store once. Everything else from any, at once. Only this object writes the tenant's
/// records, and of one target one step at a time. No lock is held while Graph or the store is
/// asked.
class Reconciler {
  public:
    struct Parts {
        Graph& graph;
        SubscriptionTable& table;
        Clock& clock;
        Metrics& metrics;
        RandomHex random;
        Quota& quota;
        WorkPool& pool;
        /// Called from any thread when `step` has something to do.
        std::function<void()> wake;
        // What is swept or polled; may be absent. `missed` blocks until it is durable.
        std::function<void(SweepTarget)> appeared;
        std::function<void(const TargetKey&)> gone;
        std::function<Result<std::monostate>(const TargetKey&, std::string_view reason)> missed;
        /// As SubscriptionManager::Parts has it; may be absent.
        std::function<std::optional<EncryptionCertificate>()> certificate = {};
    };
    /// What is in `parts` must outlive it; the pool must be stopped before it goes. Of `options`
    /// only what concerns this tenant is used.
    Reconciler(const Tenant& tenant, const SubscriptionsOptions& options, Parts parts);
    ~Reconciler();

    /// Reads the records, if that was not done yet; part of `step`, and alone for looking. False:
    /// the store will not.
    bool load();
    /// Begins what is due. Says when there will be something to do unless it is called earlier.
    SystemTime step();
    /// Waits until nothing is under way (what follows from it, the next `step` begins).
    void wait_idle() { parts_.pool.wait_idle(); }

    /// What is wanted from now on. True: it is not what it was.
    bool set_options(const SubscriptionsOptions& options);
    /// A template's collection, complete.
    void take(const Expansion& expansion);
    /// A lifecycle notification. What it asks for of the sweeper is durable when it returns;
    /// blocks.
    [[nodiscard]] Result<std::monostate> take(const LifecycleEvent& event);
    /// Whom a notification with that id is about; nothing: no record of ours.
    [[nodiscard]] std::optional<TargetKey> whose(std::string_view graph_id) const;
    /// An item told an expiry. True: it is earlier than Graph's API said, so a check is due. Never
    /// waits: a hint at a bad moment is let go.
    bool expiry_seen(std::string_view graph_id, SystemTime expires_at);
    /// The credential's files are others than those that were refused: asks again at once.
    void credential_mended();
    /// An operator's word: a fresh list, the next `allow_delete` removals beyond the hour's quota,
    /// and another try at once of what failed or is parked.
    void apply(std::size_t allow_delete);
    /// Renews now, or when the 10 minutes since the last touch are over. Errc::NotFound.
    [[nodiscard]] Result<std::monostate> renew(const std::string& name);
    /// Deletes what is no longer wanted (by configured name, or by Graph's id, an orphan as well)
    /// now, without grace or brake. Errc::Conflict: it is still wanted. Errc::NotFound.
    [[nodiscard]] Result<std::monostate> remove(const std::string& name_or_id);

    [[nodiscard]] TenantStatus status() const;
    /// Adds how many subscriptions that live use which certificate, by its id.
    void count_certificates(std::map<std::string, std::size_t>& into) const;
    struct Progress {
        std::size_t wanted = 0, standing = 0, parked = 0, failing = 0, to_do = 0;
        std::chrono::milliseconds estimate{0};
    };
    [[nodiscard]] Progress progress() const;
    /// What would be done if it began now.
    [[nodiscard]] Plan preview(std::size_t allow_delete) const;
    /// Brings the gauges up to date.
    void publish();

  private:
    using Stored = store::SubscriptionRecord;
    /// A step of one target, under way.
    struct Job {
        Target* target = nullptr;
        Action action = Action::Keep;
        std::string why;
        std::string graph_id;
        SystemTime at;
        EntryPtr entry;
        TextPtr resource;
        Stored record;  ///< As it was when the job began; number 0: none.
        Memory memory;
        CertificatePtr
            certificate;  ///< What rich ones are to have; nullptr: none, or it has ended.
        std::uint16_t key_number = 0;  ///< Its number.
        std::string mailbox;
        bool counted = false;  ///< By the quota.
        bool saves = false;    ///< Only what the store has yet to take.
        bool probes = false;   ///< The one try of a template that is held.
        std::uint32_t epoch = 0;
    };
    /// What is known of all targets of one name; of a collection's own, apart.
    struct Family {
        std::size_t active = 0, parked = 0;
        std::uint32_t refusals = 0;  ///< In a row, with `code`.
        std::string code;
        std::uint32_t probes = 0;
        SystemTime held_until;  ///< Zero: it is not held.
        bool probing = false;
        bool expanded = false;  ///< Completely, in this process.
    };
    struct ListRun {
        std::uint32_t number = 0;
        SystemTime began;
        Api api = Api::V1;
        bool beta = false;
        std::string link;
        std::unordered_set<std::size_t> links;  ///< Hashes of those that were followed.
        std::set<std::string> urls;             ///< Ours, now and of creates without an answer.
        std::set<std::string> resources;        ///< Of what may be taken over, comparable.
        bool under_way = false;
        bool outdated = false;  ///< Something may be taken over that it did not look for.
    };

    // --- reconciler.cpp: options and steps; the lock is held
    bool apply_options(const SubscriptionsOptions& options);
    void rewant(Target& target);
    void place(Target& target);
    void place_all();
    void place_all_of(std::string_view name);
    std::optional<Todo> choose(const Target& target, Decision& decision) const;
    SystemTime urgency_of(const Target& target, const Todo& todo) const;
    void brake(SystemTime now);
    void announce(Target& target);
    void let_go(Target& target);
    void set_record(Target& target, const Stored& record);
    void erase_record(Target& target, std::int64_t number);
    void count(const Target& target, const Record& record, std::ptrdiff_t by);
    /// As a plan that is shown sees it.
    TargetView shown(const Target& target) const;
    Family& family(const Target& target);

    // --- reconciler_start.cpp: what begins now; the lock is held
    SystemTime start_work(SystemTime now);
    /// False: not now; `next` says when, or something else has to happen first.
    bool start_list(SystemTime now, SystemTime& next);
    void start_orphans(SystemTime now, SystemTime& next);
    bool start_lane(Lane lane, SystemTime now, SystemTime& next);
    bool creates_wait(SystemTime now) const;
    void begin(Target& target, const Todo& todo, std::string mailbox, bool counted, bool probes);
    [[nodiscard]] bool has_room() const;

    // --- in the pool, without the lock
    void run(Job job, const std::stop_token& stop);
    void finish(const Job& job, bool went_wrong);
    void perform(Job& job, const std::stop_token& stop);
    void read_list(const std::stop_token& stop);
    void list_failed(const GraphError& error, std::uint32_t epoch);
    void read_page(const ListPage& page);
    void end_list();
    void delete_orphan(const std::string& id, std::uint32_t epoch, const std::stop_token& stop);

    void create(Job& job, bool again, const std::stop_token& stop);
    void attempt(Job& job, bool again, const std::stop_token& stop);
    void create_failed(Job& job, const GraphError& error);
    void template_failed(Job& job, const ParkVerdict& verdict);
    void take_over(Job& job);
    void adopt(Job& job, const std::stop_token& stop);
    void renew(Job& job, const std::stop_token& stop);
    void redirect(Job& job, const std::stop_token& stop);
    void reauthorize(Job& job, const std::stop_token& stop);
    void check(Job& job, const std::stop_token& stop);
    void remove(Job& job, const std::stop_token& stop);
    void delete_leftover(Job& job, const std::stop_token& stop);
    void retire(Job& job);
    void forget(Job& job);
    void save_all(const Job& job);

    // --- reconciler_keys.cpp
    /// Asks for the certificate, and decides anew where it is another one.
    void look_at_certificate();
    void move_key(Job& job, const std::stop_token& stop);
    /// What a redirect takes along; nullptr: nothing.
    [[nodiscard]] static CertificatePtr key_to_take_along(const Job& job);
    void key_was_sent(const Job& job);
    /// What a GET says of it goes into the record, which is to be saved.
    void learn_key(Job& job, const GraphSubscription& there);

    /// Keeps `job.record` here and in the store; where the store will not, it is tried again.
    bool save(Job& job);
    void store_refuses(const Error& error);
    void granted(Job& job, SystemTime expires_at, SystemTime sent);
    /// A failed request: when to try again, and what it means for the tenant.
    void failed(Job& job, const GraphError& error, bool counts_as_renewal);
    void note_error(const GraphError& error, std::uint32_t epoch);
    void note_success();
    void gone_at_graph(Job& job, const GraphError& error);
    void want_sweep(const Job& job, std::string_view reason);
    [[nodiscard]] Api api_of(const Job& job) const;
    [[nodiscard]] std::chrono::minutes life_for(const Job& job) const;
    /// Kinds have a limit with resource data and one without.
    [[nodiscard]] static std::string limit_key(const Stored& record);
    /// Remembers the limit that Graph named. True: it is news, so the request may be tried again.
    bool learn_limit(const Job& job, const GraphError& error);
    template <class Change>
    void remember(const Job& job, Change&& change) {
        const std::lock_guard lock(mutex_);
        if (Record* mine = job.target->find(job.record.record); mine != nullptr)
            change(mine->memory);
    }
    std::string random(std::size_t bytes);
    double dice();
    void publish_locked();
    [[nodiscard]] Plan preview_locked(std::size_t allow_delete) const;

    const std::string tenant_;
    const std::size_t most_jobs_;
    Parts parts_;
    std::mutex random_mutex_;

    mutable std::mutex mutex_;
    // Guarded by mutex_.
    bool loaded_ = false;
    std::chrono::milliseconds reconcile_every_{}, list_every_{}, removal_grace_{};
    std::map<std::string, EntryPtr, std::less<>> entries_;      ///< By configured name.
    std::map<std::string, EntryPtr, std::less<>> collections_;  ///< By the template's name.
    Interner interner_;
    TargetTable targets_;
    Strangers strangers_;
    Surroundings around_;         ///< `now` is set before each use.
    CertificatePtr certificate_;  ///< As it was last given, ended or not.
    std::string last_key_;        ///< The id that the number in `around_` is of.
    std::map<std::string, Family, std::less<>> families_;
    std::map<std::string, std::chrono::minutes> limits_;  ///< By limit_key(), as Graph named them.
    std::map<store::SubscriptionState, std::size_t> counts_;
    std::size_t failing_ = 0;

    std::vector<TargetKey> let_go_;  ///< The sweeper has yet to forget them.

    std::size_t jobs_ = 0;  ///< Under way.
    std::optional<ListRun> list_run_;
    std::uint32_t last_list_ = 0;
    std::uint32_t list_failures_ = 0;
    bool list_wanted_ = false, list_needed_ = false;
    std::vector<std::string> orphans_to_delete_;

    std::set<Target*> removable_;  ///< Their removal is due, and not approved.
    bool brake_dirty_ = false;
    SystemTime brake_at_ = SystemTime::max();
    std::size_t allow_delete_ = 0;
    std::size_t held_back_ = 0;

    SystemTime blocked_until_;
    SystemTime refused_until_;  ///< Blocked as well: the credential is refused.
    std::uint32_t epoch_ = 0;   ///< Of blocks: what began before one says nothing new.
    std::uint32_t tenant_failures_ = 0, credential_failures_ = 0;
    std::string tenant_error_;
    std::set<std::string> shown_;  ///< Names with gauges.
};

}  // namespace graphhook::subscriptions
