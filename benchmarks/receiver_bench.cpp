// What the receiver costs by itself: a server whose journal completes at once from a thread of its
// own.
//
//   graphhook-receiver-bench CERTIFICATE KEY [PORT [THREADS]]
//
// serves until its standard input ends. Load it with, for example,
//   h2load --h1 -t1 -c64 -D10 -d post.json -H 'content-type: application/json'
//   https://127.0.0.1:PORT/graph/notifications
// and compare with nginx's `return 202` under the same load, certificate and core.
#include "receiver/receiver.hpp"

#include <prometheus/registry.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace {

using namespace graphhook;

/// Gathers appends while it works and completes them together, as a group commit does.
class InstantJournal final : public receiver::Journal {
  public:
    InstantJournal() {
        store::SubscriptionRecord record;
        record.record = 1;
        record.state = store::SubscriptionState::Active;
        record.name = "inbox";
        record.tenant = "contoso";
        record.kind = "message";
        record.graph_id = "6d0f6a0c-7a39-4f0e-8a53-2f7a0b5d1c11";
        record.state_hash = sha256("k3H9-example-secret");
        known_ = std::make_shared<const store::KnownSubscriptions>(std::vector{record});
        thread_ = std::thread([this] { run(); });
    }
    ~InstantJournal() override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }

    void append(std::vector<store::Item> items, SystemTime, Completion<store::Appended> done)
        override {
        const std::lock_guard lock(mutex_);
        work_.push_back({std::move(items), std::move(done)});
        if (work_.size() == 1) wake_.notify_one();
    }
    std::shared_ptr<const store::KnownSubscriptions> known() const override { return known_; }
    void ask(
        std::vector<store::Store::Query> queries, Completion<std::vector<store::KnownPtr>> done
    ) override {
        Handover handover;
        handover.add(
            std::move(done),
            Result<std::vector<store::KnownPtr>>(std::vector<store::KnownPtr>(queries.size()))
        );
        handover.deliver();
    }
    void keep_refused(store::RefusedBody) override {}

  private:
    struct Work {
        std::vector<store::Item> items;
        Completion<store::Appended> done;
    };

    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [this] { return stopping_ || !work_.empty(); });
            if (work_.empty()) return;
            auto work = std::exchange(work_, {});
            lock.unlock();
            Handover handover;
            for (auto& one : work) {
                const auto count = static_cast<std::uint32_t>(one.items.size());
                handover.add(
                    std::move(one.done), Result<store::Appended>(store::Appended{count, 0, 0})
                );
            }
            handover.deliver();
            work.clear();
            lock.lock();
        }
    }

    std::shared_ptr<const store::KnownSubscriptions> known_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Work> work_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fputs("usage: graphhook-receiver-bench CERTIFICATE KEY [PORT [THREADS]]\n", stderr);
        return 2;
    }
    receiver::ReceiverOptions options;
    options.listen = std::string("127.0.0.1:") + (argc > 3 ? argv[3] : "0");
    options.base_path = "/graph";
    options.threads = argc > 4 ? static_cast<std::uint32_t>(std::strtoul(argv[4], nullptr, 10)) : 1;
    options.tls = receiver::TlsOptions{argv[1], argv[2], "1.2"};
    InstantJournal journal;
    prometheus::Registry registry;
    receiver::Metrics metrics(registry);
    receiver::Health health;
    receiver::Receiver receiver(options, journal, real_clock(), metrics, health);
    if (const auto started = receiver.start(); !started) {
        std::fprintf(stderr, "%s\n", to_string(started.error()).c_str());
        return 1;
    }
    health.set(receiver::Health::State::Ready);
    std::printf("listening on 127.0.0.1:%u\n", receiver.port());
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
    return 0;
}
