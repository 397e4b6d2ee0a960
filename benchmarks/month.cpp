// A month of many subscriptions in minutes: graphhook's half (`serve`) and Graph's (`emulate`),
// each a process of its own, share a clock that `serve` moves on when nothing is under way.
// month.py is the conductor; README.md says what is measured.
#include "app/config/config_file.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "emulator/emulator.hpp"
#include "receiver/receiver.hpp"
#include "store/metrics.hpp"
#include "subscriptions/manager.hpp"
#include "subscriptions/sync/store_sync_table.hpp"

#include <fmt/format.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/mman.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <unistd.h>

namespace {

using namespace graphhook;
using namespace std::chrono_literals;

[[noreturn]] void fail_with(const std::string& why) {
    fmt::print(stderr, "graphhook-month: {}\n", why);
    std::exit(1);
}

/// Microseconds since the epoch in a file that both processes map.
class SharedClock final : public Clock {
  public:
    explicit SharedClock(const std::string& path) {
        const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        if (file < 0) fail_with("no clock at " + path);
        void* const memory =
            ::mmap(nullptr, sizeof *now_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        ::close(file);
        if (memory == MAP_FAILED) fail_with("the clock can not be mapped");
        now_ = static_cast<std::atomic<std::int64_t>*>(memory);
    }
    [[nodiscard]] SystemTime system_now() const override {
        return SystemTime(std::chrono::microseconds(now_->load()));
    }
    [[nodiscard]] SteadyTime steady_now() const override {
        return SteadyTime(system_now().time_since_epoch());
    }
    void set(SystemTime now) { now_->store(now.time_since_epoch().count()); }

  private:
    std::atomic<std::int64_t>* now_ = nullptr;
};

std::map<std::string, std::string> arguments(int argc, char** argv) {
    std::map<std::string, std::string> all;
    for (int i = 2; i + 1 < argc; i += 2) all[argv[i]] = argv[i + 1];
    return all;
}

std::int64_t kilobytes(std::string_view name) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(name)) return std::atoll(line.c_str() + name.size() + 1);
    }
    return 0;
}

int emulate(std::map<std::string, std::string> given) {
    SharedClock clock(given["--clock"]);
    emulator::Options options;
    options.port = 0;
    options.insecure_http = true;
    options.certificates_directory = given["--folder"];
    options.quotas = true;
    options.page_size = 1'000;
    auto opened = emulator::Emulator::open(std::move(options), clock);
    if (!opened) fail_with(to_string(opened.error()));
    (*opened)->stop_on_signals();
    std::ofstream(given["--port-file"] + ".new") << (*opened)->port();
    std::rename((given["--port-file"] + ".new").c_str(), given["--port-file"].c_str());
    (*opened)->run();
    return 0;
}

/// Until `--until` (seconds since the epoch) by the shared clock; then it kills itself, in the
/// middle of what it does.
int serve(std::map<std::string, std::string> given) {
    SharedClock clock(given["--clock"]);
    const SystemTime until(std::chrono::seconds(std::atoll(given["--until"].c_str())));
    auto loaded = app::load_config(given["--config"]);
    for (const auto& problem : loaded.parsed.problems)
        fmt::print(stderr, "{}\n", app::to_string(problem, loaded.path));
    if (!loaded.parsed.config) return 3;
    auto config = std::move(*loaded.parsed.config);
    // Plain HTTP on loopback: what is measured is how many requests there are, and when.
    config.receiver.tls.reset();
    for (auto* url :
         {&config.receiver.public_url, &config.subscriptions.notification_url,
          &config.subscriptions.lifecycle_url}) {
        if (url->starts_with("https://")) url->erase(4, 1);
    }
    for (auto& tenant : config.subscriptions.tenants) {
        tenant.cloud.graph = tenant.cloud.login = given["--graph"];
        tenant.cloud.ca_file.clear();
    }

    prometheus::Registry registry;
    store::Metrics store_metrics(registry);
    receiver::Metrics receiver_metrics(registry);
    subscriptions::Metrics metrics(registry);
    const auto began = std::chrono::steady_clock::now();
    auto store = store::open_store(config.store, clock, store_metrics);
    if (!store) fail_with(to_string(store.error()));
    const auto journal = receiver::make_journal(**store);
    receiver::Health health;
    receiver::Receiver receiver(config.receiver, *journal, clock, receiver_metrics, health);
    if (const auto started = receiver.start(); !started) fail_with(to_string(started.error()));
    subscriptions::StoreSubscriptionTable table(**store);
    subscriptions::StoreSyncTable sync(**store, clock);
    subscriptions::SubscriptionManager manager(
        config.subscriptions, {.table = table, .sync = sync, .clock = clock, .metrics = metrics}
    );
    if (const auto read = manager.load(); !read) fail_with(to_string(read.error()));
    const auto opened = std::chrono::steady_clock::now();
    const auto plans = manager.plan();
    const auto planned = std::chrono::steady_clock::now();
    std::size_t kept = 0;
    std::size_t others = 0;
    for (const auto& plan : plans) {
        kept += plan.plan.kept;
        others += plan.plan.steps.size();
    }

    std::uint64_t rounds = 0;
    SystemTime standing_at{};
    for (SystemTime now = clock.system_now(); now < until; now = clock.system_now()) {
        (void)manager.step();
        manager.wait_idle();
        const SystemTime next = manager.step();
        manager.wait_idle();
        if (++rounds % 256 == 0 && standing_at == SystemTime{}) {
            bool all = true;
            for (const auto& tenant : manager.progress()) {
                all = all && tenant.wanted > 0 && !tenant.expanding &&
                      tenant.standing == tenant.wanted;
            }
            if (all) standing_at = now;
        }
        // What the quota paces comes once a second; the rest may wait for half a minute, so that
        // several requests are under way at once. (--fine: every second counts.)
        const auto least = next <= now + 1s || given.contains("--fine") ? 1s : 30s;
        clock.set(std::min(std::max(next, now + least), until));
    }
    const auto milliseconds = [](auto from, auto to) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count();
    };
    std::size_t wanted = 0;
    std::size_t standing = 0;
    std::size_t failing = 0;
    for (const auto& tenant : manager.progress()) {
        wanted += tenant.wanted;
        standing += tenant.standing;
        failing += tenant.failing;
    }
    SystemTime swept = SystemTime::max();
    for (const auto& tenant : manager.sweeps()) {
        for (const auto& sweep : tenant.sweeps)
            swept = std::min(swept, sweep.swept_at.value_or(SystemTime{}));
    }
    manager.refresh_metrics();
    fmt::print(
        R"({{"wanted":{},"standing":{},"failing":{},"load_ms":{},"plan_ms":{},"kept_at_start":{},)"
        R"("other_steps_at_start":{},"rss_kib":{},"peak_rss_kib":{},"rounds":{},)"
        R"("all_standing_at":{},"oldest_sweep":{}}})"
        "\n",
        wanted, standing, failing, milliseconds(began, opened), milliseconds(opened, planned), kept,
        others, kilobytes("VmRSS:"), kilobytes("VmHWM:"), rounds,
        standing_at.time_since_epoch().count() / 1'000'000,
        swept == SystemTime::max() ? 0 : swept.time_since_epoch().count() / 1'000'000
    );
    std::ofstream(given["--metrics"]) << prometheus::TextSerializer().Serialize(registry.Collect());
    std::fflush(nullptr);
    (void)manager.step();
    // In the middle of whatever this began.
    std::raise(SIGKILL);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view half = argc > 1 ? argv[1] : "";
    auto given = arguments(argc, argv);
    // To see what happens: --log info
    log().set_level(
        given.contains("--log") ? spdlog::level::from_str(given["--log"]) : spdlog::level::off
    );
    if (half == "emulate") return emulate(std::move(given));
    if (half == "serve") return serve(std::move(given));
    fail_with("usage: graphhook-month emulate|serve --clock FILE …; see month.py");
}
