#include "subscriptions/templates/expander.hpp"

#include "core/digest.hpp"
#include "core/log.hpp"
#include "subscriptions/plan/renewal.hpp"
#include "subscriptions/templates/collection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// Changes told within this are read together; and where reading takes long, within this many times
/// as long, so that a large collection is not read without end.
constexpr milliseconds kDebounce = 1min;
constexpr int kDebounceTimes = 10;
/// Whatever the configuration says: from one reading to the next.
constexpr milliseconds kShortest = 1s;
/// A reading that was cut off goes on at the page where it was, until it is this old: Graph's links
/// to next pages do not live for ever.
constexpr milliseconds kOldReading = 30min;
/// When the pool is busy with other people's work, which does not wake us.
constexpr milliseconds kBusy = 1s;
constexpr SystemTime kNever = SystemTime::max();

/// In [0, 1), the same for the same input.
double spread(std::string_view name, std::uint64_t round) {
    return static_cast<double>(first64(sha256(fmt::format("{}\n{}", name, round))) % 10'000) /
           10'000.0;
}

milliseconds scaled(milliseconds time, double factor) {
    return milliseconds(static_cast<std::int64_t>(static_cast<double>(time.count()) * factor));
}

/// How far the pages of a collection have been read.
struct Reading {
    WantedSubscription entry;
    std::uint64_t generation = 0;
    std::uint64_t run = 0;
    SystemTime began_at;
    DataRequest next;
    Collected so_far;
    std::set<std::uint64_t> links;  ///< Hashes of those followed: none is followed twice.
};

bool worth_going_on(const GraphError& error) {
    return error.next == Next::Throttled || error.next == Next::RetryLater ||
           error.next == Next::Credentials;
}

bool same_collection(const WantedSubscription& a, const WantedSubscription& b) {
    return a.for_each == b.for_each && a.filter == b.filter && a.resource == b.resource &&
           a.beta == b.beta;
}

GraphError garbled(std::string message) {
    GraphError error;
    error.next = Next::Garbled;
    error.message = std::move(message);
    return error;
}

}  // namespace

struct Expander::Impl {
    struct Template {
        WantedSubscription entry;
        std::uint64_t generation = 0;
        SystemTime next_at;
        SystemTime graph_says;  ///< Not before, by Retry-After.
        std::optional<SystemTime> began_at;
        milliseconds took{0};                ///< The last, from its beginning to its end.
        std::optional<SystemTime> again_at;  ///< Wanted while it was being read.
        std::optional<SystemTime> expanded_at;
        std::optional<Reading> reading;  ///< Cut off, to be gone on with.
        std::size_t elements = 0, skipped = 0;
        bool running = false;
        std::uint32_t failures = 0;
        std::uint64_t run = 0;  ///< The last that was begun.
        std::string last_error;
    };

    Impl(Tenant tenant_in, Parts parts_in)
        : tenant(std::move(tenant_in)), parts(std::move(parts_in)) {}

    void begin(Template& one, SystemTime now);
    void read(Reading reading, const std::stop_token& stop);
    GraphResult<std::monostate> read_pages(Reading& reading, const std::stop_token& stop);
    void completed(Reading reading);
    void failed(Reading reading, const GraphError& error);
    void given_up(const Reading& reading);
    Template* find(const Reading& reading);
    SystemTime due(const Template& one) const;

    const Tenant tenant;
    const Parts parts;
    mutable std::mutex mutex;
    // Guarded by mutex.
    std::map<std::string, Template> templates;
    milliseconds expand_every{1h};
    std::uint64_t generations = 0, runs = 0;
    /// What every request of the tenant would meet: until then none is sent. By Graph's word, and
    /// by our own back-off, which an operator may cut short.
    SystemTime graph_says, tenant_until;
};

Expander::Expander(Tenant tenant, Parts parts)
    : impl_(std::make_unique<Impl>(std::move(tenant), std::move(parts))) {
}

Expander::~Expander() = default;

void Expander::set_options(const SubscriptionsOptions& options) {
    {
        const std::lock_guard lock(impl_->mutex);
        const SystemTime now = impl_->parts.clock.system_now();
        impl_->expand_every = std::max<milliseconds>(options.expand_every, kShortest);
        std::map<std::string, Impl::Template> kept;
        for (const auto& entry : options.wanted) {
            if (!entry.is_template() || entry.tenant != impl_->tenant.name) continue;
            auto known = impl_->templates.extract(entry.name);
            Impl::Template one = known.empty() ? Impl::Template{} : std::move(known.mapped());
            if (known.empty() || !same_collection(one.entry, entry)) {
                one.generation = ++impl_->generations;
                one.next_at = now;
                one.failures = 0;
                one.last_error.clear();
                one.reading.reset();
            } else if (one.failures == 0) {
                one.next_at = std::min<SystemTime>(one.next_at, now + impl_->expand_every);
            }
            one.entry = entry;
            kept.insert_or_assign(entry.name, std::move(one));
        }
        impl_->templates = std::move(kept);
    }
    if (impl_->parts.wake) impl_->parts.wake();
}

bool Expander::want(const std::string& name, bool at_once) {
    {
        const std::lock_guard lock(impl_->mutex);
        const auto found = impl_->templates.find(name);
        if (found == impl_->templates.end()) return false;
        Impl::Template& one = found->second;
        const SystemTime now = impl_->parts.clock.system_now();
        SystemTime at = now;
        if (!at_once && one.began_at) {
            const auto apart = std::max<milliseconds>(kDebounce, one.took * kDebounceTimes);
            at = std::max<SystemTime>(now, *one.began_at + std::min(apart, impl_->expand_every));
        }
        if (at_once) impl_->tenant_until = SystemTime{};
        if (one.running) {
            one.again_at = std::min(one.again_at.value_or(at), at);
            return true;  // whoever runs wakes us
        }
        // After a failure its back-off stands: the next reading finds the change anyway.
        if (at_once || one.failures == 0)
            one.next_at = std::min(one.next_at, std::max(at, one.graph_says));
    }
    if (impl_->parts.wake) impl_->parts.wake();
    return true;
}

SystemTime Expander::step() {
    const std::lock_guard lock(impl_->mutex);
    const SystemTime now = impl_->parts.clock.system_now();
    SystemTime next = kNever;
    std::vector<Impl::Template*> waiting;
    for (auto& [name, one] : impl_->templates) {
        if (one.running) continue;
        const SystemTime at = impl_->due(one);
        if (at <= now) {
            waiting.push_back(&one);
        } else {
            next = std::min(next, at);
        }
    }
    std::ranges::sort(waiting, {}, [](const auto* one) { return one->next_at; });
    for (auto* one : waiting) {
        if (impl_->parts.pool.free() == 0) return std::min<SystemTime>(next, now + kBusy);
        impl_->begin(*one, now);
    }
    return next;
}

std::vector<TemplateStatus> Expander::status() const {
    const std::lock_guard lock(impl_->mutex);
    std::vector<TemplateStatus> all;
    for (const auto& [name, one] : impl_->templates) {
        TemplateStatus status;
        status.name = name;
        status.collection = one.entry.for_each;
        status.expanded_at = one.expanded_at;
        if (!one.running) status.next_at = impl_->due(one);
        status.elements = one.elements;
        status.skipped = one.skipped;
        status.running = one.running;
        status.failures = one.failures;
        status.last_error = one.last_error;
        all.push_back(std::move(status));
    }
    return all;
}

void Expander::credential_mended() {
    const std::lock_guard lock(impl_->mutex);
    impl_->tenant_until = SystemTime{};
    const SystemTime now = impl_->parts.clock.system_now();
    for (auto& [name, one] : impl_->templates) {
        if (one.failures == 0) continue;
        one.next_at = std::min(one.next_at, std::max(now, one.graph_says));
    }
}

SystemTime Expander::Impl::due(const Template& one) const {
    return std::max({one.next_at, graph_says, tenant_until});
}

void Expander::Impl::begin(Template& one, SystemTime now) {
    one.running = true;
    one.began_at = now;
    one.run = ++runs;
    Reading reading;
    if (one.reading && now < one.reading->began_at + kOldReading && now >= one.reading->began_at) {
        reading = std::move(*one.reading);
    } else {
        reading.entry = one.entry;
        reading.generation = one.generation;
        reading.began_at = now;
        reading.next = collection_request(one.entry);
    }
    one.reading.reset();
    reading.run = one.run;
    parts.pool.run([this, reading = std::move(reading)](const std::stop_token& stop) mutable {
        read(std::move(reading), stop);
    });
}

void Expander::Impl::read(Reading reading, const std::stop_token& stop) {
    const auto outcome = read_pages(reading, stop);
    if (stop.stop_requested() || (!outcome && outcome.error().next == Next::Aborted)) {
        given_up(reading);
        return;
    }
    if (outcome) {
        completed(std::move(reading));
    } else {
        failed(std::move(reading), outcome.error());
    }
    if (parts.wake) parts.wake();
}

GraphResult<std::monostate> Expander::Impl::read_pages(
    Reading& reading, const std::stop_token& stop
) {
    // A template that renders nothing would look like an empty collection.
    if (const auto sample = render(reading.entry.resource, "id", "name@example.com"); !sample)
        return garbled(sample.error().detail);
    while (true) {
        const auto page = parts.data.page(reading.next, stop);
        if (!page) return page.error();
        if (const auto added = add_page(reading.entry, page->value, reading.so_far); !added)
            return garbled(added.error().detail);
        if (page->next_link.empty()) break;
        if (!reading.links.insert(first64(sha256(page->next_link))).second)
            return garbled("a link to the next page that leads back");
        reading.next.target = page->next_link;
    }
    if (const auto finished = finish(reading.so_far); !finished) {
        GraphError error = garbled(finished.error().detail);
        error.next = Next::Refused;
        return error;
    }
    return std::monostate{};
}

/// The template that this was read for; nullptr: it went (and perhaps came back) meanwhile. Call
/// with the mutex held.
Expander::Impl::Template* Expander::Impl::find(const Reading& reading) {
    const auto found = templates.find(reading.entry.name);
    if (found == templates.end() || found->second.run != reading.run) return nullptr;
    return &found->second;
}

void Expander::Impl::completed(Reading reading) {
    const std::string& name = reading.entry.name;
    const std::size_t elements = reading.so_far.elements.size();
    const std::size_t skipped = reading.so_far.skipped;
    bool current = false;
    {
        const std::lock_guard lock(mutex);
        const Template* one = find(reading);
        current = one != nullptr && one->generation == reading.generation;
    }
    parts.metrics.expansion("done");
    // `running` is still set, so expansions of one template are handed over one after the other.
    if (current) {
        log().info(
            "a template's collection was read tenant={} subscription={} elements={} skipped={}",
            tenant.name, name, elements, skipped
        );
        parts.expanded({name, std::move(reading.so_far.elements), skipped, reading.began_at});
    }
    const std::lock_guard lock(mutex);
    Template* one = find(reading);
    if (one == nullptr) return;
    const SystemTime now = parts.clock.system_now();
    one->running = false;
    const auto again = std::exchange(one->again_at, std::nullopt);
    if (!current || one->generation != reading.generation) {
        one->next_at = now;
        return;
    }
    one->expanded_at = reading.began_at;
    one->took = std::chrono::duration_cast<milliseconds>(now - reading.began_at);
    one->elements = elements;
    one->skipped = skipped;
    one->failures = 0;
    one->last_error.clear();
    one->graph_says = SystemTime{};
    one->next_at = std::max<SystemTime>(
        reading.began_at + scaled(expand_every, 0.9 + 0.2 * spread(name, one->run)),
        now + std::min(kDebounce, expand_every / 2)
    );
    if (again) one->next_at = std::min(one->next_at, std::max(*again, now));
}

void Expander::Impl::failed(Reading reading, const GraphError& error) {
    const std::string name = reading.entry.name;
    parts.metrics.expansion("failed");
    const std::lock_guard lock(mutex);
    Template* one = find(reading);
    if (one == nullptr) return;
    const SystemTime now = parts.clock.system_now();
    one->running = false;
    one->again_at.reset();  // the next reading finds that change too
    if (one->generation != reading.generation) {
        one->next_at = now;
        return;
    }
    ++one->failures;
    one->last_error = to_string(error);
    const bool shortly = error.next == Next::Throttled || error.next == Next::RetryLater;
    const milliseconds wait = shortly ? tenant_back_off(one->failures, spread(name, one->run))
                                      : retry_after_refusal(one->failures, name);
    one->graph_says = error.retry_at.value_or(SystemTime{});
    one->next_at = error.retry_at ? std::max<SystemTime>(*error.retry_at, now) : now + wait;
    if (is_tenant_wide(error)) {
        if (error.retry_at) {
            graph_says = std::max(graph_says, *error.retry_at);
        } else {
            tenant_until = std::max<SystemTime>(tenant_until, now + wait);
        }
    }
    log().warn(
        "a template's collection could not be read, nothing is changed tenant={} subscription={} "
        "failures={} again_in_s={} {}",
        tenant.name, name, one->failures,
        std::chrono::duration_cast<std::chrono::seconds>(due(*one) - now).count(), one->last_error
    );
    if (worth_going_on(error)) one->reading = std::move(reading);
}

void Expander::Impl::given_up(const Reading& reading) {
    const std::lock_guard lock(mutex);
    if (Template* one = find(reading); one != nullptr) one->running = false;
}

}  // namespace graphhook::subscriptions
