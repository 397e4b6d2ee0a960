#include "emulator/outbox.hpp"

#include "emulator/rich/composer.hpp"

#include <algorithm>

namespace graphhook::emulator {
namespace {

constexpr std::size_t kReorderAmong = 64;
constexpr std::size_t kMostRoutes = 10'000;

std::string_view to_string(Health health) {
    switch (health) {
        case Health::Normal:
            return "normal";
        case Health::Slow:
            return "slow";
        case Health::Dropping:
            return "dropping";
    }
    return "";
}

std::string basic_body(const std::vector<Item>& items) {
    std::string body = R"({"value":[)";
    for (const Item& item : items) {
        if (&item != &items.front()) body += ',';
        body += item_text(item);
    }
    body += "]}";
    return body;
}

}  // namespace

std::string item_text(const Item& item) {
    if (item.event) return lifecycle_item(*item.subscription, *item.event, item.mistake);
    return change_item(*item.subscription, item.change, item.mistake);
}

Span retry_delay(const RetryPolicy& policy, int attempts) {
    Span delay = policy.first_delay;
    for (int i = 1; i < attempts && delay < policy.longest_delay; ++i) delay *= 2;
    return std::min(delay, policy.longest_delay);
}

Outbox::Outbox(Options options, Faults& faults, Events events, std::uint64_t seed)
    : options_(options), faults_(faults), events_(std::move(events)), random_(seed) {
}

const Outbox::Route* Outbox::route(const std::string& url) {
    const auto known = routes_.find(url);
    if (known != routes_.end()) return &known->second;
    auto parsed = parse_url(url);
    if (!parsed) return nullptr;  // URLs were checked when they came in
    if (routes_.size() >= kMostRoutes) routes_.clear();
    auto endpoint = parsed->endpoint();
    Route made{std::make_shared<const Url>(std::move(*parsed)), std::move(endpoint)};
    return &routes_.emplace(url, std::move(made)).first->second;
}

Outbox::Endpoint& Outbox::endpoint_of(const std::string& name) {
    auto& endpoint = endpoints_[name];
    if (!endpoint) endpoint = std::make_unique<Endpoint>(options_.health);
    return *endpoint;
}

void Outbox::enqueue(Endpoint& endpoint, Lane lane, const Route& route, Item item, bool alone) {
    const std::string key = (lane == Lane::Lifecycle ? "0" : "1") + route.url->target;
    Queue& queue = endpoint.queues[key];
    if (!queue.url) queue.url = route.url;
    queue.items.emplace_back(std::move(item), alone);
}

void Outbox::add(Item item, SteadyPoint now) {
    const Route* const to = route(item.subscription->notification_url);
    if (to == nullptr) return;
    Endpoint& endpoint = endpoint_of(to->endpoint);
    switch (endpoint.health.state(now)) {
        case Health::Dropping:
            item.subscription->missed_due = true;
            events_.settled(item, Settlement::Dropped, 0);
            return;
        case Health::Slow:
            ++items_;
            endpoint.delayed.push_back(Delayed{now + options_.retry.slow_delay, std::move(item)});
            return;
        case Health::Normal:
            ++items_;
            enqueue(endpoint, Lane::Changes, *to, std::move(item), false);
            events_.ready(to->endpoint);
    }
}

void Outbox::add_lifecycle(std::vector<Item> items, bool together, SteadyPoint) {
    bool first = true;
    for (Item& item : items) {
        const Route* const to = route(item.subscription->lifecycle_url);
        if (to == nullptr) continue;
        ++items_;
        enqueue(
            endpoint_of(to->endpoint), Lane::Lifecycle, *to, std::move(item), first || !together
        );
        first = false;
        events_.ready(to->endpoint);
    }
}

std::unique_ptr<Post> Outbox::take(const std::string& name, SteadyPoint now) {
    const auto found = endpoints_.find(name);
    if (found == endpoints_.end()) return nullptr;
    Endpoint& endpoint = *found->second;
    std::unique_ptr<Post> post;
    if (!endpoint.retries.empty() && endpoint.retries.begin()->first <= now) {
        post = std::move(endpoint.retries.begin()->second);
        endpoint.retries.erase(endpoint.retries.begin());
    } else {
        while (!endpoint.delayed.empty() && endpoint.delayed.front().due <= now) {
            Item item = std::move(endpoint.delayed.front().item);
            endpoint.delayed.pop_front();
            if (const Route* const to = route(item.subscription->notification_url)) {
                enqueue(endpoint_of(to->endpoint), Lane::Changes, *to, std::move(item), false);
            }
        }
        post = fill(endpoint, now);
    }
    if (post) ++endpoint.in_flight;
    return post;
}

std::unique_ptr<Post> Outbox::fill(Endpoint& endpoint, SteadyPoint now) {
    if (endpoint.queues.empty()) return nullptr;
    // Each queue in turn, so that none starves behind a full one.
    auto it = endpoint.queues.upper_bound(endpoint.last_queue);
    if (it == endpoint.queues.end()) it = endpoint.queues.begin();
    endpoint.last_queue = it->first;
    Queue& queue = it->second;
    auto post = std::make_unique<Post>();
    post->url = queue.url;
    post->first_attempt = now;
    post->generation = generation_;
    bool rich = false;
    const auto fits = [&](const Item& next) {
        return std::all_of(post->items.begin(), post->items.end(), [&](const Item& other) {
            return may_travel_together(other, next);
        });
    };
    while (!queue.items.empty() && post->items.size() < options_.batch) {
        if (!post->items.empty() && queue.items.front().second) break;
        if (queue.items.size() > 1 && faults_.any() && faults_.take(FaultKind::Reorder)) {
            const auto among = std::min(queue.items.size(), kReorderAmong);
            std::swap(queue.items.front(), queue.items[1 + random_() % (among - 1)]);
        }
        const bool next_rich = queue.items.front().first.plaintext != nullptr;
        if (next_rich && rich && !fits(queue.items.front().first)) break;
        rich = rich || next_rich;
        Item item = std::move(queue.items.front().first);
        queue.items.pop_front();
        if (faults_.any()) {
            if (faults_.take(FaultKind::WrongClientState)) {
                item.mistake = Forgery::ClientState;
            } else if (faults_.take(FaultKind::UnknownSubscription)) {
                item.mistake = Forgery::Subscription;
            }
        }
        if (item.mistake != Forgery::None && events_.forged) events_.forged();
        post->items.push_back(std::move(item));
    }
    post->body = rich && events_.compose ? events_.compose(post->items) : basic_body(post->items);
    if (queue.items.empty()) endpoint.queues.erase(it);
    if (faults_.any() && faults_.take(FaultKind::Duplicate)) post->repeat_wanted = true;
    return post;
}

std::optional<SteadyPoint> Outbox::next_due(const std::string& name) const {
    const auto found = endpoints_.find(name);
    if (found == endpoints_.end()) return std::nullopt;
    std::optional<SteadyPoint> due;
    if (!found->second->retries.empty()) due = found->second->retries.begin()->first;
    if (!found->second->delayed.empty()) {
        const auto delayed = found->second->delayed.front().due;
        due = due ? std::min(*due, delayed) : delayed;
    }
    return due;
}

bool Outbox::has_ready(const std::string& name, SteadyPoint now) const {
    const auto found = endpoints_.find(name);
    if (found == endpoints_.end()) return false;
    if (!found->second->queues.empty()) return true;
    const auto due = next_due(name);
    return due && *due <= now;
}

void Outbox::settle(const Post& post, Settlement settlement) {
    for (const Item& item : post.items) {
        --items_;
        if (settlement == Settlement::Failed && !item.event) item.subscription->missed_due = true;
        events_.settled(item, settlement, post.attempts);
    }
}

void Outbox::abandoned(std::unique_ptr<Post> post) {
    const auto found = endpoints_.find(post->url->endpoint());
    if (found != endpoints_.end()) --found->second->in_flight;
    if (post->generation == generation_ && !post->repeat) items_ -= post->items.size();
}

void Outbox::finished(std::unique_ptr<Post> post, Outcome outcome, Reply reply, SteadyPoint now) {
    const auto name = post->url->endpoint();
    Endpoint& endpoint = endpoint_of(name);
    if (endpoint.in_flight > 0) --endpoint.in_flight;
    // A connection that was refused says nothing about how fast the endpoint answers.
    if (outcome != Outcome::Unreachable) endpoint.health.record(reply, now);
    if (post->generation != generation_) return;
    ++post->attempts;
    if (post->repeat) return;
    if (outcome == Outcome::Accepted) {
        settle(*post, Settlement::Accepted);
        if (post->repeat_wanted) {
            post->repeat = true;
            endpoint.retries.emplace(now, std::move(post));
            events_.ready(name);
        }
        return;
    }
    const auto again = now + retry_delay(options_.retry, post->attempts);
    if (again > post->first_attempt + options_.retry.give_up_after) {
        settle(*post, Settlement::Failed);
        return;
    }
    endpoint.retries.emplace(again, std::move(post));
}

Health Outbox::health(const std::string& name, SteadyPoint now) {
    const auto found = endpoints_.find(name);
    return found == endpoints_.end() ? Health::Normal : found->second->health.state(now);
}

boost::json::object Outbox::to_json(SteadyPoint now) {
    boost::json::object json;
    for (auto& [name, endpoint] : endpoints_) {
        std::size_t queued = 0;
        for (const auto& [key, queue] : endpoint->queues) queued += queue.items.size();
        boost::json::object one;
        one["state"] = to_string(endpoint->health.state(now));
        one["queuedItems"] = queued;
        one["delayedItems"] = endpoint->delayed.size();
        one["retryingPosts"] = endpoint->retries.size();
        one["postsInFlight"] = endpoint->in_flight;
        json[name] = std::move(one);
    }
    return json;
}

void Outbox::tidy(SteadyPoint now) {
    for (auto it = endpoints_.begin(); it != endpoints_.end();) {
        Endpoint& endpoint = *it->second;
        const auto due = next_due(it->first);
        if (!endpoint.queues.empty() || (due && *due <= now)) events_.ready(it->first);
        const bool idle = endpoint.queues.empty() && !due && endpoint.in_flight == 0;
        it = idle && endpoint.health.forgotten(now) ? endpoints_.erase(it) : std::next(it);
    }
}

void Outbox::clear() {
    ++generation_;
    items_ = 0;
    for (auto it = endpoints_.begin(); it != endpoints_.end();) {
        it->second->queues.clear();
        it->second->retries.clear();
        it->second->delayed.clear();
        it->second->health = EndpointHealth(options_.health);
        it = it->second->in_flight == 0 ? endpoints_.erase(it) : std::next(it);
    }
}

}  // namespace graphhook::emulator
