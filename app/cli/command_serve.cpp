#include "app/application.hpp"
#include "app/cli/commands.hpp"
#include "app/config/config_file.hpp"
#include "app/service/housekeeper.hpp"
#include "app/service/service_manager.hpp"
#include "app/service/signals.hpp"
#include "core/log.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <malloc.h>
#include <memory>

namespace graphhook::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

/// After "at once": long enough for a disk, short enough for an operator.
constexpr seconds kAtOnce{10};

void say(const std::vector<Problem>& problems, const std::string& path) {
    for (const auto& problem : problems) {
        if (problem.severity == Problem::Severity::Error) {
            log().error("{}", to_string(problem, path));
        } else {
            log().warn("{}", to_string(problem, path));
        }
    }
}

LogFormat log_format(const std::string& name) {
    if (name == "text") return LogFormat::Text;
    if (name == "json") return LogFormat::Json;
    return LogFormat::Auto;
}

/// The loop around the running application: signals, reloads, the watchdog, the end.
class Serving {
  public:
    Serving(
        std::string path, Application& application, Signals& signals, ServiceManager& manager,
        std::atomic<bool>& store_failed
    )
        : path_(std::move(path)),
          application_(application),
          signals_(signals),
          manager_(manager),
          store_failed_(store_failed) {}

    ExitCode run() {
        next_life_ = steady_clock::now();
        while (!ended_) {
            give_life();
            switch (signals_.wait(wait_time())) {
                case Signals::Event::Terminate:
                    terminate();
                    break;
                case Signals::Event::Reload:
                    reload();
                    break;
                case Signals::Event::Poked:
                    // Whoever poked left the reason in store_failed_ or ended_.
                    if (store_failed_ && !failing_) fail_now();
                    break;
                case Signals::Event::Timeout:
                    break;
            }
            if (deadline_ && steady_clock::now() > *deadline_) {
                log().critical("did not end in time, leaving; what was accepted is in the store");
                std::_Exit(kFailed);
            }
        }
        return failing_ ? kFailed : kDone;
    }

  private:
    [[nodiscard]] milliseconds wait_time() const {
        return deadline_ || manager_.watchdog_period() ? milliseconds(200) : milliseconds(60'000);
    }

    /// The watchdog hears of us as long as the store answers.
    void give_life() {
        const auto period = manager_.watchdog_period();
        const auto now = steady_clock::now();
        if (!period || stopping_ || now < next_life_) return;
        next_life_ = now + *period;
        application_.ask_for_life([&manager = manager_] { manager.alive(); });
    }

    void terminate() {
        if (stopping_) {
            log().warn("second signal: stopping at once");
            at_once();
            return;
        }
        log().info("stopping");
        stop();
    }

    void stop() {
        stopping_ = true;
        manager_.stopping("draining");
        housekeeper_.post([this] {
            application_.stop();
            ended_ = true;
            signals_.poke();
        });
    }

    void at_once() {
        if (!deadline_) deadline_ = steady_clock::now() + kAtOnce;
        application_.stop_at_once();
    }

    void fail_now() {
        failing_ = true;
        log().critical("the store failed: stopping, a restart takes up what is really there");
        at_once();
        if (!stopping_) stop();
    }

    void reload() {
        if (stopping_) return;
        housekeeper_.post([this] {
            manager_.reloading();
            auto loaded = load_config(path_);
            say(loaded.parsed.problems, path_);
            Result<void> taken = fail(Errc::Refused, "the file does not check");
            if (loaded.parsed.config) taken = application_.reload(std::move(*loaded.parsed.config));
            if (taken) {
                log().info("configuration reloaded file={}", path_);
            } else {
                log().error(
                    "configuration not reloaded, the old one stays file={} error={}", path_,
                    to_string(taken.error())
                );
            }
            manager_.ready(taken ? "serving" : "serving; the last reload was refused");
        });
    }

    const std::string path_;
    Application& application_;
    Signals& signals_;
    ServiceManager& manager_;
    std::atomic<bool>& store_failed_;
    std::atomic<bool> ended_{false};
    bool stopping_ = false;
    bool failing_ = false;
    std::optional<steady_clock::time_point> deadline_;
    steady_clock::time_point next_life_;
    Housekeeper housekeeper_;
};

}  // namespace

ExitCode serve(const CommandContext& context) {
    // Few arenas: many threads that allocate little should not each keep a heap.
    ::mallopt(M_ARENA_MAX, 2);
    Signals signals;
    auto manager = ServiceManager::from_environment();

    auto loaded = load_config(context.config_path);
    if (!loaded.parsed.config) {
        for (const auto& problem : loaded.parsed.problems)
            std::cerr << to_string(problem, loaded.path) << '\n';
        return kRefused;
    }
    auto& config = *loaded.parsed.config;
    set_up_logging(log_format(config.log.format), config.log.level);
    say(loaded.parsed.problems, loaded.path);

    std::atomic<bool> store_failed{false};
    Application application(
        std::move(config), {.clock = real_clock(),
                            .on_store_failed =
                                [&](const Error& error) {
                                    log().critical("the store failed error={}", to_string(error));
                                    store_failed = true;
                                    signals.poke();
                                }}
    );
    if (const auto started = application.start(); !started) {
        log().critical("not started: {}", to_string(started.error()));
        const auto code = started.error().code;
        return code == Errc::Conflict || code == Errc::Failed ? kFailed : kRefused;
    }
    log().info(
        "graphhook {} serves port={} admin_port={} config={}", GRAPHHOOK_VERSION,
        application.port(), application.admin_port(), loaded.path
    );
    manager.ready("serving");
    const auto code = Serving(loaded.path, application, signals, manager, store_failed).run();
    log().info("stopped");
    return code;
}

}  // namespace graphhook::app
