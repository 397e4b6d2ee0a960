#include "authenticity/key_set_keeper.hpp"

#include "authenticity/fetch_key_set.hpp"
#include "authenticity/fetch_schedule.hpp"
#include "authenticity/issuers.hpp"
#include "authenticity/key_set_metrics.hpp"
#include "core/log.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace graphhook::authenticity {
namespace {

using std::chrono::milliseconds;

/// However far away the next fetch is, the clock is looked at again after that long: it may have
/// been set, or the machine been asleep.
constexpr milliseconds kLongestWait{60'000};

std::unique_ptr<HttpClient> real_client(const Authority& authority) {
    HttpClientOptions options;
    options.ca_file = authority.ca_file;
    options.max_response_bytes = kLargestDocument;
    options.max_idle_connections = 1;
    options.user_agent = std::string("graphhook/") + GRAPHHOOK_VERSION;
    return make_http_client(std::move(options));
}

/// Nobody fetched it later than now, though our clock may have said so.
KeySet not_from_the_future(KeySet set, SystemTime now) {
    set.fetched_at = std::min(set.fetched_at, now);
    for (SigningKey& key : set.keys) key.last_seen = std::min(key.last_seen, set.fetched_at);
    return set;
}

bool doubtful(std::chrono::seconds clock_ahead) {
    return KeySets{.sets = {}, .clock_ahead = clock_ahead}.clock_doubtful();
}

/// One key set of one authority.
struct Entry {
    Entry(Authority from, Version version)
        : authority(std::move(from)),
          order{.login = authority.login, .version = version, .issuer = {}, .jwks_uri = {}},
          schedule(authority.login, version) {}

    Authority authority;
    FetchOrder order;
    FetchSchedule schedule;
    bool shelf_read = false;
    std::optional<KeySet> set;
};

}  // namespace

std::string shelf_name(std::string_view login, Version version) {
    return "key_set " + std::string(login) + (version == Version::V1 ? " v1" : " v2");
}

struct KeySetKeeper::Impl {
    Impl(Parts given)
        : shelf(given.shelf),
          clock(given.clock),
          metrics(given.registry),
          make_client(given.make_client ? std::move(given.make_client) : MakeClient(real_client)) {}

    // Under `mutex`, which is never held over a fetch or a look at the shelf.
    void configure(const std::vector<Authority>& wanted);
    void publish();
    [[nodiscard]] std::shared_ptr<Entry> next_due(const std::vector<std::shared_ptr<Entry>>& done);

    // By whoever steps.
    void read_shelf();
    void fetch(const std::shared_ptr<Entry>& entry, const FetchOrder& order);
    HttpClient& client_of(const Authority& authority);
    void forget_clients();

    KeySetShelf& shelf;
    Clock& clock;
    KeySetMetrics metrics;
    MakeClient make_client;
    std::stop_source stopping;

    std::mutex stepping;  ///< Taken before `mutex`.
    std::map<std::pair<std::string, std::string>, std::unique_ptr<HttpClient>> clients;

    mutable std::mutex mutex;
    std::condition_variable_any wake;
    bool woken = false;
    std::vector<std::shared_ptr<Entry>> entries;
    std::chrono::seconds clock_ahead{0};
    KeySetsPtr sets = std::make_shared<const KeySets>();

    std::jthread thread;
};

void KeySetKeeper::Impl::configure(const std::vector<Authority>& wanted) {
    std::vector<std::shared_ptr<Entry>> kept;
    const auto is_there = [&kept](const Authority& authority) {
        return std::ranges::any_of(kept, [&](const auto& entry) {
            return same_login(entry->authority.login, authority.login);
        });
    };
    for (const Authority& authority : wanted) {
        if (is_there(authority)) continue;
        for (const Version version : {Version::V1, Version::V2}) {
            const auto before = std::ranges::find_if(entries, [&](const auto& entry) {
                return entry->authority == authority && entry->order.version == version;
            });
            kept.push_back(
                before != entries.end() ? *before : std::make_shared<Entry>(authority, version)
            );
        }
    }
    entries.swap(kept);
    for (const auto& old : kept) {
        const bool still = std::ranges::any_of(entries, [&](const auto& entry) {
            return same_login(entry->authority.login, old->authority.login);
        });
        if (!still) metrics.forget(old->order.login, old->order.version);
    }
    publish();
    woken = true;
    wake.notify_all();
}

void KeySetKeeper::Impl::publish() {
    auto all = std::make_shared<KeySets>();
    for (const auto& entry : entries) {
        if (!entry->set) continue;
        all->sets.push_back(*entry->set);
        metrics.set_fetched(entry->order.login, entry->order.version, entry->set->fetched_at);
    }
    all->clock_ahead = clock_ahead;
    metrics.set_clock_ahead(clock_ahead);
    sets = std::move(all);
}

std::shared_ptr<Entry> KeySetKeeper::Impl::next_due(const std::vector<std::shared_ptr<Entry>>& done
) {
    const SystemTime now = clock.system_now();
    for (const auto& entry : entries) {
        const bool tried = std::ranges::find(done, entry) != done.end();
        if (!tried && entry->schedule.due(now) <= now) {
            entry->schedule.began(now);
            return entry;
        }
    }
    return nullptr;
}

void KeySetKeeper::Impl::read_shelf() {
    std::vector<std::shared_ptr<Entry>> unread;
    {
        const std::lock_guard lock(mutex);
        std::ranges::copy_if(entries, std::back_inserter(unread), [](const auto& entry) {
            return !std::exchange(entry->shelf_read, true);
        });
    }
    for (const auto& entry : unread) {
        // The login and version of an entry never change.
        const auto text = shelf.read(shelf_name(entry->order.login, entry->order.version));
        if (!text) {
            log().warn("key set of {} not read: {}", entry->order.login, to_string(text.error()));
            continue;
        }
        if (text->empty()) continue;
        auto set = key_set_from_text(*text);
        if (!set || !same_login(set->login, entry->order.login) ||
            set->version != entry->order.version) {
            log().warn("key set of {} kept from before cannot be read", entry->order.login);
            continue;
        }
        const std::lock_guard lock(mutex);
        if (entry->set) continue;
        entry->order.issuer = set->issuer;
        entry->set = not_from_the_future(std::move(*set), clock.system_now());
        publish();
    }
}

HttpClient& KeySetKeeper::Impl::client_of(const Authority& authority) {
    auto& client = clients[{authority.login, authority.ca_file}];
    if (!client) client = make_client(authority);
    return *client;
}

void KeySetKeeper::Impl::forget_clients() {
    const std::lock_guard lock(mutex);
    std::erase_if(clients, [this](const auto& client) {
        return std::ranges::none_of(entries, [&](const auto& entry) {
            return entry->authority.login == client.first.first &&
                   entry->authority.ca_file == client.first.second;
        });
    });
}

void KeySetKeeper::Impl::fetch(const std::shared_ptr<Entry>& entry, const FetchOrder& order) {
    Fetched fetched =
        fetch_key_set(order, client_of(entry->authority), clock, stopping.get_token());
    const SystemTime now = clock.system_now();
    const bool good = fetched.outcome == Fetched::Outcome::Ok;
    if (!good && stopping.stop_requested()) return;
    if (fetched.outcome == Fetched::Outcome::Aborted)
        fetched.outcome = Fetched::Outcome::Unreachable;
    metrics.fetch(to_string(fetched.outcome));
    std::string text;
    {
        const std::lock_guard lock(mutex);
        // Who holds a snapshot may keep what was concluded from it as long as nothing changed.
        const bool changed = good || (fetched.clock_ahead && *fetched.clock_ahead != clock_ahead);
        if (fetched.clock_ahead) {
            const bool before = doubtful(std::exchange(clock_ahead, *fetched.clock_ahead));
            if (doubtful(clock_ahead) && !before) {
                log().warn(
                    "our clock is {} s ahead of {}: tokens out of their time wait",
                    clock_ahead.count(), order.login
                );
            }
        }
        if (good) {
            entry->order.issuer = fetched.set.issuer;
            entry->order.jwks_uri = fetched.jwks_uri;
            if (!entry->set) entry->schedule.first_came();
            entry->set =
                entry->set ? merged(std::move(fetched.set), *entry->set) : std::move(fetched.set);
            entry->schedule.succeeded(now, doubtful(clock_ahead));
            text = to_text(*entry->set);
        } else {
            entry->schedule.failed(now);
        }
        if (changed) publish();
    }
    if (good) {
        log().debug("key set of {} fetched", order.login);
        if (const auto kept = shelf.write(shelf_name(order.login, order.version), text); !kept)
            log().warn("key set of {} not kept: {}", order.login, to_string(kept.error()));
    } else {
        log().warn("key set of {} not fetched: {}", order.login, for_log(fetched.detail, 400));
    }
}

KeySetKeeper::KeySetKeeper(const std::vector<Authority>& authorities, Parts parts)
    : impl_(std::make_unique<Impl>(std::move(parts))) {
    const std::lock_guard lock(impl_->mutex);
    impl_->configure(authorities);
}

KeySetKeeper::~KeySetKeeper() {
    stop();
}

void KeySetKeeper::start() {
    {
        const std::lock_guard stepping(impl_->stepping);
        impl_->read_shelf();
    }
    impl_->thread = std::jthread([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            const SystemTime next = step();
            const auto left = std::chrono::ceil<milliseconds>(next - impl_->clock.system_now());
            std::unique_lock lock(impl_->mutex);
            impl_->wake.wait_for(
                lock, stop, std::clamp(left, milliseconds(0), kLongestWait),
                [this] { return impl_->woken; }
            );
        }
    });
}

void KeySetKeeper::stop() {
    impl_->stopping.request_stop();
    impl_->thread.request_stop();
    if (impl_->thread.joinable()) impl_->thread.join();
}

void KeySetKeeper::set_authorities(const std::vector<Authority>& authorities) {
    const std::lock_guard lock(impl_->mutex);
    impl_->configure(authorities);
}

KeySetsPtr KeySetKeeper::sets() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->sets;
}

void KeySetKeeper::kid_unknown(std::string_view login) {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& entry : impl_->entries) {
        if (!same_login(entry->authority.login, login)) continue;
        entry->schedule.key_wanted();
        impl_->woken = true;
    }
    if (impl_->woken) impl_->wake.notify_all();
}

SystemTime KeySetKeeper::step() {
    const std::lock_guard stepping(impl_->stepping);
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->woken = false;
    }
    impl_->read_shelf();
    impl_->forget_clients();
    std::vector<std::shared_ptr<Entry>> done;
    while (!impl_->stopping.stop_requested()) {
        std::shared_ptr<Entry> entry;
        FetchOrder order;
        {
            const std::lock_guard lock(impl_->mutex);
            entry = impl_->next_due(done);
            if (entry) order = entry->order;
        }
        if (!entry) break;
        done.push_back(entry);
        impl_->fetch(entry, order);
    }
    const std::lock_guard lock(impl_->mutex);
    const SystemTime now = impl_->clock.system_now();
    SystemTime next = now + std::chrono::hours(24);
    for (const auto& entry : impl_->entries) next = std::min(next, entry->schedule.due(now));
    return next;
}

}  // namespace graphhook::authenticity
