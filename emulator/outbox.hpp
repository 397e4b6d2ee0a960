#pragma once

#include "emulator/faults.hpp"
#include "emulator/health.hpp"
#include "emulator/notification.hpp"
#include "emulator/rich/forgery.hpp"
#include "emulator/url.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace graphhook::emulator {

struct ChangeJob;

/// One notification on its way.
struct Item {
    SubscriptionPtr subscription;
    Change change;
    /// Set for a lifecycle notification. Then `change` says nothing.
    std::optional<LifecycleEvent> event;
    /// The job that made it; null for none.
    std::shared_ptr<ChangeJob> job;
    /// The resource data to be encrypted for the subscription; null: it gets none.
    std::shared_ptr<const std::string> plaintext = {};
    /// What is wrong with the resource data on purpose, or its token; null: nothing.
    const ForgeryKind* forgery = nullptr;
    /// The forged token stands beside the good one.
    bool beside_good = false;
    /// What is wrong with the item itself.
    Forgery mistake = Forgery::None;
};

/// The item as JSON, without its resource data.
std::string item_text(const Item& item);

/// Items for one URL that travel in one POST, and are retried together.
struct Post {
    std::shared_ptr<const Url> url;
    std::vector<Item> items;
    std::string body;
    /// Attempts made so far.
    int attempts = 0;
    SteadyPoint first_attempt;
    /// Already accepted; sent again only to test the receiver.
    bool repeat = false;
    bool repeat_wanted = false;
    /// Which reset it was made after.
    std::uint64_t generation = 0;
};

enum class Outcome {
    Accepted,  ///< 2xx in time
    Refused,   ///< answered otherwise
    TimedOut,
    Unreachable,
};

enum class Settlement { Accepted, Failed, Dropped };

/// Graph's patience, already in real time (protocol 2.5, 2.6).
struct RetryPolicy {
    Span first_delay = std::chrono::seconds(10);
    Span longest_delay = std::chrono::minutes(30);
    /// From the first attempt on.
    Span give_up_after = std::chrono::hours(4);
    /// How long new notifications wait for an endpoint in the slow state.
    Span slow_delay = std::chrono::minutes(10);
};

/// The wait after so many failed attempts: doubling.
Span retry_delay(const RetryPolicy& policy, int attempts);

/// All notifications that are not yet settled: queues by URL, retries, what waits for slow
/// endpoints. It decides what is sent next; others send. One thread; time comes in as an argument.
class Outbox {
  public:
    struct Options {
        /// Most items in one POST.
        std::size_t batch = 20;
        /// Most unsettled items; `room` tells how many more there may be.
        std::size_t most_items = 100'000;
        RetryPolicy retry;
        HealthLimits health;
    };
    /// Told of the end of each item, and when an endpoint has something to send.
    struct Events {
        std::function<void(const Item&, Settlement, int attempts)> settled;
        std::function<void(const std::string& endpoint)> ready;
        /// An item was made wrong on purpose; may be empty.
        std::function<void()> forged;
        /// Writes the body of a POST that carries resource data; may be empty if there is none.
        std::function<std::string(const std::vector<Item>&)> compose;
    };
    enum class Lane { Changes, Lifecycle };

    Outbox(Options options, Faults& faults, Events events, std::uint64_t seed);

    [[nodiscard]] std::size_t room() const noexcept {
        return items_ < options_.most_items ? options_.most_items - items_ : 0;
    }
    [[nodiscard]] std::size_t waiting() const noexcept { return items_; }
    /// A change's notification for the subscription's URL: queued, put off or dropped, as the
    /// endpoint's state wants.
    void add(Item item, SteadyPoint now);
    /// Lifecycle notifications for the subscriptions' lifecycle URLs, in as few POSTs as the batch
    /// size allows if `together`. They are never put off or dropped.
    void add_lifecycle(std::vector<Item> items, bool together, SteadyPoint now);

    /// The next POST for the endpoint, or null.
    std::unique_ptr<Post> take(const std::string& endpoint, SteadyPoint now);
    /// Whether `take` would give one.
    [[nodiscard]] bool has_ready(const std::string& endpoint, SteadyPoint now) const;
    /// When something that waits for its time comes up; nothing if nothing waits.
    [[nodiscard]] std::optional<SteadyPoint> next_due(const std::string& endpoint) const;
    /// How a taken POST ended after `time`.
    void finished(std::unique_ptr<Post> post, Outcome outcome, Reply reply, SteadyPoint now);
    /// A taken POST that was never sent because we are stopping or were reset.
    void abandoned(std::unique_ptr<Post> post);

    [[nodiscard]] Health health(const std::string& endpoint, SteadyPoint now);
    /// {"https://localhost:8443": {"state": …, "queued": …, "retrying": …, "delayed": …}}
    [[nodiscard]] boost::json::object to_json(SteadyPoint now);
    /// Calls `ready` for endpoints whose waiting work has come up, and forgets those that have none
    /// and behave.
    void tidy(SteadyPoint now);
    /// Forgets everything that waits, without settling it.
    void clear();

  private:
    struct Queue {
        std::shared_ptr<const Url> url;
        /// A new POST starts with an item that is `alone`d from the one before.
        std::deque<std::pair<Item, bool>> items;
    };
    struct Delayed {
        SteadyPoint due;
        Item item;
    };
    struct Endpoint {
        explicit Endpoint(const HealthLimits& limits) : health(limits) {}
        EndpointHealth health;
        std::map<std::string, Queue> queues;  // by lane and URL
        std::string last_queue;
        std::multimap<SteadyPoint, std::unique_ptr<Post>> retries;
        std::deque<Delayed> delayed;
        std::size_t in_flight = 0;
    };
    struct Route {
        std::shared_ptr<const Url> url;
        std::string endpoint;
    };

    const Route* route(const std::string& url);
    Endpoint& endpoint_of(const std::string& name);
    void enqueue(Endpoint& endpoint, Lane lane, const Route& route, Item item, bool alone);
    std::unique_ptr<Post> fill(Endpoint& endpoint, SteadyPoint now);
    void settle(const Post& post, Settlement settlement);

    const Options options_;
    Faults& faults_;
    Events events_;
    std::mt19937_64 random_;
    std::size_t items_ = 0;
    std::uint64_t generation_ = 0;
    std::unordered_map<std::string, std::unique_ptr<Endpoint>> endpoints_;
    std::unordered_map<std::string, Route> routes_;
};

}  // namespace graphhook::emulator
