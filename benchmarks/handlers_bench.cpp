// From the store to a file: deliveries a second through the dispatcher and the file handler, over
// the real store, fsync included.
//
//   graphhook-handlers-bench [DIRECTORY] [ITEMS]     (default: the temporary directory, 500000)
//
// Two figures: a backlog worked off with nothing else going on, and appends going on beside it in
// batches of 20 as fast as the store takes them. Below 60,000 a second for the first, or 25,000 for
// the second with the process on one processor (taskset -c 0), something is wrong.

#include "handlers/builtin/file_handler.hpp"
#include "handlers/dispatcher.hpp"
#include "store/metrics.hpp"
#include "store/store.hpp"

#include <fmt/format.h>
#include <prometheus/registry.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

namespace {

using namespace graphhook;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::size_t kBatch = 20;
constexpr std::size_t kInFlight = 64;

store::Item make_item(const store::StreamPtr& stream, std::uint64_t number) {
    store::Item item;
    item.stream = stream;
    item.subscription_id = "6d0f6a0c-7a39-4f0e-8a53-2f7a0b5d1c11";
    item.resource = fmt::format(
        "Users/0f0d2c9a-1111-4222-8333-444455556666/Messages/"
        "AAMkADk0MGFkODE3LWE4MmYtNDRhOS04Mjgx{:032x}",
        number
    );
    item.body = fmt::format(
        R"({{"subscriptionId":"{0}","subscriptionExpirationDateTime":"2026-11-28T08:00:00Z",)"
        R"("changeType":"created","resource":"{1}","tenantId":"84bd8158-6d4d-4958-8b9f-9d6445542f95",)"
        R"("resourceData":{{"@odata.type":"#Microsoft.Graph.Message","@odata.id":"{1}",)"
        R"("@odata.etag":"W/\"CQAAABYAAADkrWGo7bouTKlsgTZMr9KwAAAUWRHf\"","id":"{2:032x}"}}}})",
        item.subscription_id, item.resource, number
    );
    item.order_key = number * 0x9E3779B97F4A7C15ULL;
    item.identity = key128(item.resource);
    return item;
}

/// Appends as fast as the store takes it, with a bounded number of batches under way.
class Feeder {
  public:
    Feeder(store::Store& to, store::StreamPtr stream) : store_(to), stream_(std::move(stream)) {}

    bool append(std::size_t items) {
        for (std::size_t done = 0; done < items; done += kBatch) {
            std::vector<store::Item> batch;
            for (std::size_t i = 0; i < kBatch; ++i) batch.push_back(make_item(stream_, next_++));
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [&] { return under_way_ < kInFlight; });
                ++under_way_;
            }
            store_.append(
                std::move(batch), real_clock().system_now(),
                {nullptr, [this](Result<store::Appended> result) { appended(result); }}
            );
        }
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return under_way_ == 0; });
        return !failed_;
    }

  private:
    void appended(const Result<store::Appended>& result) {
        const std::lock_guard lock(mutex_);
        failed_ = failed_ || result.has_error();
        --under_way_;
        changed_.notify_all();
    }

    store::Store& store_;
    const store::StreamPtr stream_;
    std::uint64_t next_ = 1;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t under_way_ = 0;
    bool failed_ = false;
};

/// The file handler, counting what it has done and telling when there was enough.
class CountingHandler final : public handlers::Handler {
  public:
    CountingHandler(handlers::FileOptions options, std::atomic<std::size_t>& handled)
        : file_(std::move(options)), handled_(handled) {}
    std::size_t batch_limit() const override { return file_.batch_limit(); }
    std::vector<handlers::Outcome> handle(
        std::span<const handlers::Delivery> batch, std::stop_token stop
    ) override {
        auto outcomes = file_.handle(batch, stop);
        handled_ += batch.size();
        handled_.notify_all();
        return outcomes;
    }

  private:
    handlers::FileHandler file_;
    std::atomic<std::size_t>& handled_;
};

void wait_for_count(const std::atomic<std::size_t>& handled, std::size_t count) {
    for (auto now = handled.load(); now < count; now = handled.load()) handled.wait(now);
}

double processor_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void report(const char* what, std::size_t items, steady_clock::time_point since, double processor) {
    const double took = std::chrono::duration<double>(steady_clock::now() - since).count();
    const double used = processor_seconds() - processor;
    fmt::print(
        "{:<28} {:>9.0f} items/s {:>7.2f} s {:>7.2f} us of processor an item\n", what,
        static_cast<double>(items) / took, took, used / static_cast<double>(items) * 1e6
    );
}

int run(const std::filesystem::path& directory, std::size_t items) {
    utsname machine{};
    ::uname(&machine);
    fmt::print(
        "{} {}, {} processors, {}\n", machine.sysname, machine.machine,
        std::thread::hardware_concurrency(),
#ifdef NDEBUG
        "release build"
#else
        "not a release build: no figures to quote"
#endif
    );
    prometheus::Registry registry;
    store::Metrics store_metrics(registry);
    handlers::Metrics handler_metrics(registry);
    store::StoreOptions options;
    options.url = "sqlite:" + (directory / "bench.db").string();
    options.reserve = 0;
    auto opened = store::open_store(options, real_clock(), store_metrics);
    if (opened.has_error()) {
        fmt::print(stderr, "{}\n", to_string(opened.error()));
        return 1;
    }
    store::Store& store = **opened;
    handlers::StoreSource source(store);
    handlers::Dispatcher dispatcher(source, real_clock(), handler_metrics);
    std::atomic<std::size_t> handled{0};

    store::Stream stream{store::Lane::Change, "contoso", "inbox", "message", "created"};
    Feeder feeder(store, std::make_shared<const store::Stream>(stream));
    auto since = steady_clock::now();
    auto processor = processor_seconds();
    if (!feeder.append(items)) return 1;
    report("append alone", items, since, processor);

    since = steady_clock::now();
    processor = processor_seconds();
    const auto added = dispatcher.add(
        "bench",
        std::make_unique<CountingHandler>(
            handlers::FileOptions{.path = (directory / "bench.jsonl").string()}, handled
        ),
        [](const store::Stream&) { return true; }
    );
    if (added.has_error()) {
        fmt::print(stderr, "{}\n", to_string(added.error()));
        return 1;
    }
    wait_for_count(handled, items);
    report("work off a backlog", items, since, processor);

    since = steady_clock::now();
    processor = processor_seconds();
    if (!feeder.append(items)) return 1;
    report("append beside handling", items, since, processor);
    wait_for_count(handled, 2 * items);
    report("appended and handled", items, since, processor);
    dispatcher.stop(seconds(10));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    namespace fs = std::filesystem;
    std::string directory =
        ((argc > 1 ? fs::path(argv[1]) : fs::temp_directory_path()) / "graphhook-bench-XXXXXX")
            .string();
    const std::size_t items = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 500'000;
    if (::mkdtemp(directory.data()) == nullptr || items == 0) {
        fmt::print(stderr, "usage: {} [DIRECTORY] [ITEMS]\n", argv[0]);
        return 2;
    }
    const int code = run(directory, items);
    fs::remove_all(directory);
    return code;
}
