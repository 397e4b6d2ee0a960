// What the store does a second, and what it costs to hold a million notifications.
//
//     graphhook-store-bench [directory]        (default: the current one; it must be on the disk to
//     measure)
//
// Worry when: appends of 64 a commit fall below 200,000 items/s, a start with 1,000,000 waiting
// takes over 1.5 s, or the process then holds more than 150 MiB; when opening and reading 100,000
// subscriptions take over 1 s together, or the process holds more than 60 MiB before they are read.

#include "core/clock.hpp"
#include "core/digest.hpp"
#include "core/mailbox.hpp"
#include "store/metrics.hpp"
#include "store/store.hpp"

#include <prometheus/registry.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace graphhook;
using namespace graphhook::store;
using std::chrono::steady_clock;

double seconds_since(steady_clock::time_point begin) {
    return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

double resident_mib() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        double kib = 0;
        if (word == "VmRSS:" && status >> kib) return kib / 1024;
    }
    return 0;
}

/// A mail notification, as Graph sends it, of the usual size.
class Items {
  public:
    Item next() {
        const std::string number = std::to_string(count_++);
        Item item;
        item.stream = stream_;
        item.subscription_id = "6d0f6a0c-7a39-4f0e-8a53-2f7a0b5d1c11";
        item.resource = "Users/0f0d2c9a-1111-4222-8333-444455556666/Messages/AAMkAGUwNjQ4" + number;
        item.body =
            R"({"subscriptionId":"6d0f6a0c-7a39-4f0e-8a53-2f7a0b5d1c11","changeType":"created",)"
            R"("tenantId":"c0ffee00-0000-4000-8000-00000000c0de","resource":")" +
            item.resource +
            R"(","resourceData":{"@odata.type":"#Microsoft.Graph.Message","@odata.etag":)"
            R"("W/\"CQAAABYAAADkrWGo7bouTKlsgTZMr9KwAAAUWRHf\"","id":"AAMkAGUwNjQ4)" +
            number + R"("},"subscriptionExpirationDateTime":"2026-11-28T09:00:00Z"})";
        item.order_key = first64(key128(item.resource));
        item.identity = key128("created" + item.resource);
        return item;
    }
    std::vector<Item> next(std::size_t count) {
        std::vector<Item> items;
        items.reserve(count);
        while (items.size() < count) items.push_back(next());
        return items;
    }

  private:
    std::size_t count_ = 0;
    StreamPtr stream_ = std::make_shared<const Stream>(
        Stream{Lane::Change, "contoso", "support-inbox", "message", "created"}
    );
};

struct Opened {
    explicit Opened(const std::string& path) {
        options.url = "sqlite:" + path;
        options.reserve = 0;
        auto opened = open_store(options, real_clock(), metrics);
        if (!opened) {
            std::fprintf(stderr, "%s\n", to_string(opened.error()).c_str());
            std::exit(1);
        }
        store = std::move(*opened);
    }
    StoreOptions options;
    prometheus::Registry registry;
    Metrics metrics{registry};
    std::unique_ptr<Store> store;
};

/// `total` items, `each` a call, at most `under_way` calls at once.
void append(Store& store, Items& items, std::size_t total, std::size_t each, int under_way) {
    std::vector<std::vector<Item>> calls;
    for (std::size_t made = 0; made < total; made += each) calls.push_back(items.next(each));
    std::counting_semaphore<> slots(under_way);
    std::atomic<std::size_t> failures{0};
    const auto begin = steady_clock::now();
    for (auto& call : calls) {
        slots.acquire();
        store.append(
            std::move(call), real_clock().system_now(),
            {nullptr,
             [&](Result<Appended> result) {
                 if (!result) ++failures;
                 slots.release();
             }}
        );
    }
    for (int slot = 0; slot < under_way; ++slot) slots.acquire();
    const double took = seconds_since(begin);
    std::printf(
        "append  %5zu items a call, %4d calls under way  %9.0f items/s %9.0f calls/s  failures "
        "%zu\n",
        each, under_way, static_cast<double>(calls.size() * each) / took,
        static_cast<double>(calls.size()) / took, failures.load()
    );
}

void attach(Store& store, const std::string& handler) {
    static_cast<void>(wait_for<std::monostate>([&](Completion<std::monostate> done) {
        store.attach({handler, [](const Stream&) { return true; }, [] {}}, std::move(done));
    }));
}

std::size_t hand_over(
    Store& store, const std::string& handler, std::size_t batch, std::size_t most
) {
    std::size_t handled = 0;
    const auto begin = steady_clock::now();
    while (handled < most) {
        LeaseRequest request;
        request.handler = handler;
        request.limit = batch;
        const auto leased =
            wait_for<std::vector<Delivery>>([&](Completion<std::vector<Delivery>> done) {
                store.lease(request, std::move(done));
            });
        if (!leased || leased->empty()) break;
        std::vector<Settlement> settlements;
        for (const Delivery& delivery : *leased) {
            Settlement settlement;
            settlement.id = delivery.id;
            settlement.attempt = delivery.attempt;
            settlements.push_back(settlement);
        }
        handled += settlements.size();
        static_cast<void>(wait_for<std::size_t>([&](Completion<std::size_t> done) {
            store.settle(handler, std::move(settlements), std::move(done));
        }));
    }
    const double took = seconds_since(begin);
    std::printf(
        "lease + done  %4zu a batch, one after the other     %9.0f items/s\n", batch,
        static_cast<double>(handled) / took
    );
    return handled;
}

void start(const std::string& path, const char* what) {
    const double before = resident_mib();
    const auto begin = steady_clock::now();
    Opened opened(path);
    attach(*opened.store, "h");
    const double took = seconds_since(begin);
    const auto stats = wait_for<StoreStats>([&](Completion<StoreStats> done) {
        opened.store->stats(std::move(done));
    });
    const auto waiting = stats && !stats->handlers.empty() ? stats->handlers.front().waiting : 0;
    const auto bytes = stats ? stats->database_bytes : 0;
    std::printf(
        "start with %9llu waiting (%s)  %6.3f s  resident %6.1f MiB (%.1f before)  file %.0f MiB\n",
        static_cast<unsigned long long>(waiting), what, took, resident_mib(), before,
        static_cast<double>(bytes) / (1 << 20)
    );
}

/// Does `start(i, over)` for each i below `count`, `under_way` of them at once; `over()` when one
/// is.
template <class Start>
double each(int count, int under_way, Start&& start) {
    std::counting_semaphore<> slots(under_way);
    const auto begin = steady_clock::now();
    for (int i = 0; i < count; ++i) {
        slots.acquire();
        start(i, [&slots] { slots.release(); });
    }
    for (int slot = 0; slot < under_way; ++slot) slots.acquire();
    return seconds_since(begin);
}

/// One of a template for every mailbox.
SubscriptionRecord record(int i) {
    char element[64];
    std::snprintf(element, sizeof element, "87d349ed-44d7-43e1-9a83-%012x", i);
    SubscriptionRecord made;
    made.state = SubscriptionState::Active;
    made.name = "everyones-mail";
    made.tenant = "contoso";
    made.element = element;
    made.kind = "message";
    made.sync = Sync::Versions;
    made.resource = "users/" + made.element + "/mailFolders('inbox')/messages";
    made.changes = "created,updated,deleted";
    made.notification_url = "https://hooks.example.com/graph/notifications";
    made.lifecycle_url = "https://hooks.example.com/graph/lifecycle";
    std::snprintf(element, sizeof element, "7f105c7d-2dc5-4532-97cd-%012x", i);
    made.graph_id = element;
    made.state_hash = sha256(made.graph_id);
    made.expires_at = made.created_at = real_clock().system_now();
    return made;
}

void put(Store& store, int first, int count, std::int64_t number) {
    const double took = each(count, 1'000, [&](int i, auto over) {
        SubscriptionRecord made = record(first + i);
        if (number != 0) made.record = number + i;
        store.put_subscription(std::move(made), {nullptr, [over](const Result<std::int64_t>&) {
                                                     over();
                                                 }});
    });
    std::printf("put %6d subscriptions, 1,000 under way            %6.3f s\n", count, took);
}

constexpr int kSubscriptions = 100'000;

void start_with_subscriptions(const std::string& path) {
    const double before = resident_mib();
    auto begin = steady_clock::now();
    Opened opened(path);
    const double open_took = seconds_since(begin);
    std::printf(
        "start with %zu subscriptions  %6.3f s  resident %6.1f MiB (%.1f before)\n",
        opened.store->known()->size(), open_took, resident_mib(), before
    );
    using Records = std::vector<SubscriptionRecord>;
    begin = steady_clock::now();
    {
        const auto records = wait_for<Records>([&](Completion<Records> done) {
            opened.store->subscriptions(std::move(done));
        });
        std::printf(
            "read %zu of them              %6.3f s  resident %6.1f MiB with them\n",
            records ? records->size() : 0, seconds_since(begin), resident_mib()
        );
    }
    put(*opened.store, 0, 1, 1);
    put(*opened.store, 0, 1'000, 1);
    std::printf("resident after that %.1f MiB\n", resident_mib());
}

/// 100,000 that are swept, a tenth of them in 100 parts.
void sweeps(Store& store) {
    constexpr int kParts = 100;
    const auto key = [](int i) { return SyncKey{"contoso", "everyones-mail", record(i).element}; };
    double took = each(kSubscriptions, 64, [&](int i, auto over) {
        SyncChange change;
        change.state.key = key(i);
        change.state.resource = record(i).resource;
        for (int part = 0; i % 10 == 0 && part < kParts; ++part) {
            change.put.push_back(
                {"AAMkAGUwNjQ4ZjIxLTQ3Y2Y" + std::to_string(part),
                 "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=" +
                     std::string(150, 'x'),
                 {}}
            );
        }
        store.change_sync(std::move(change), {nullptr, [over](const Result<std::monostate>&) {
                                                  over();
                                              }});
    });
    std::printf(
        "put %d states of sweeps and 1,000,000 watermarks  %6.3f s  resident %6.1f MiB\n",
        kSubscriptions, took, resident_mib()
    );
    auto begin = steady_clock::now();
    using States = std::vector<SyncState>;
    const auto states =
        wait_for<States>([&](Completion<States> done) { store.sync_states(std::move(done)); });
    took = seconds_since(begin);
    begin = steady_clock::now();
    using Watermarks = std::vector<Watermark>;
    std::size_t marks = 0;
    for (int i = 0; i < 1'000; ++i) {
        const auto read = wait_for<Watermarks>([&](Completion<Watermarks> done) {
            store.watermarks(key(i * 10), std::move(done));
        });
        if (read) marks += read->size();
    }
    std::printf(
        "read %zu states  %6.3f s; 1,000 keys with %zu watermarks, one after the other  %6.3f s\n",
        states ? states->size() : 0, took, marks, seconds_since(begin)
    );
}

/// In a process of its own: what this one's heap held before does not count.
int in_a_child(const char* mode, const std::string& path) {
    std::fflush(stdout);
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    const pid_t child = ::fork();
    if (child == 0) {
        ::execl(self.c_str(), self.c_str(), mode, path.c_str(), nullptr);
        std::_Exit(1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3 && std::string(argv[1]) == "--start") {
        start(argv[2], "64 a page");
        return 0;
    }
    if (argc == 3 && std::string(argv[1]) == "--start-with-subscriptions") {
        start_with_subscriptions(argv[2]);
        return 0;
    }
    // Alone: `--subscriptions directory`.
    const bool alone = argc == 3 && std::string(argv[1]) == "--subscriptions";
    std::string directory = std::string(
                                alone      ? argv[2]
                                : argc > 1 ? argv[1]
                                           : "."
                            ) +
                            "/store-bench-XXXXXX";
    if (::mkdtemp(directory.data()) == nullptr) {
        std::perror("mkdtemp");
        return 1;
    }
    std::printf("%u processors, built %s\n", std::thread::hardware_concurrency(), __DATE__);
    if (!alone) {
        Opened opened(directory + "/rates.db");
        Items items;
        attach(*opened.store, "h");
        append(*opened.store, items, 5'000, 1, 1);
        append(*opened.store, items, 200'000, 1, 64);
        append(*opened.store, items, 200'000, 20, 64);
        append(*opened.store, items, 200'000, 64, 1);
        append(*opened.store, items, 200'000, 2048, 1);
        hand_over(*opened.store, "h", 1, 5'000);
        hand_over(*opened.store, "h", 64, 200'000);
        hand_over(*opened.store, "h", 256, 600'000);
    }
    int status = 0;
    if (!alone) {
        Opened opened(directory + "/million.db");
        Items items;
        attach(*opened.store, "h");
        for (int part = 0; part < 10; ++part) append(*opened.store, items, 100'000, 64, 4);
        std::printf("resident after 1,000,000 appended: %.1f MiB\n", resident_mib());
    }
    if (!alone) status = in_a_child("--start", directory + "/million.db");
    {
        Opened opened(directory + "/subscriptions.db");
        put(*opened.store, 0, kSubscriptions, 0);
    }
    status |= in_a_child("--start-with-subscriptions", directory + "/subscriptions.db");
    {
        Opened opened(directory + "/sweeps.db");
        sweeps(*opened.store);
    }
    std::filesystem::remove_all(directory);
    return status == 0 ? 0 : 1;
}
