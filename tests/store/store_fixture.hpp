#pragma once

#include "core/digest.hpp"
#include "core/mailbox.hpp"
#include "store/store.hpp"
#include "tests/support/hand_clock.hpp"
#include "tests/support/open_store.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::store {

/// A clock that only moves when told.
class ManualClock final : public graphhook::test::HandClock {
  public:
    ManualClock() : HandClock(SystemTime(std::chrono::seconds(1'800'000'000))) {}
};

inline StreamPtr stream(
    std::string subscription = "inbox", std::string change = "updated", Lane lane = Lane::Change
) {
    return std::make_shared<const Stream>(
        Stream{lane, "contoso", std::move(subscription), "message", std::move(change)}
    );
}

/// An item of resource `resource` of the inbox, whose body says `text`.
inline Item item(const std::string& resource, const std::string& text = "") {
    Item made;
    made.stream = stream();
    made.subscription_id = "6d0f6a0c-7a39-4f0e-8a53-2f7a0b5d1c11";
    made.resource = resource;
    made.body = R"({"resource":")" + resource + R"(","text":")" + text + "\"}";
    made.order_key = first64(key128(resource));
    return made;
}

inline Item identified(const std::string& resource, const std::string& identity) {
    Item made = item(resource, identity);
    made.identity = key128(identity);
    return made;
}

/// One that says nothing of its own.
inline Item folding(const std::string& resource) {
    Item made = item(resource);
    made.fold = key128("fold " + resource);
    return made;
}

inline Item lifecycle(const std::string& resource) {
    Item made = item(resource);
    made.stream = stream("inbox", "missed", Lane::Lifecycle);
    return made;
}

/// One with `encryptedContent`, whose POST came with these tokens.
inline Item rich(const std::string& resource, const TokensPtr& tokens) {
    Item made = item(resource);
    made.tokens = tokens;
    return made;
}
inline Item rich(const std::string& resource, const std::string& tokens) {
    return rich(resource, std::make_shared<const std::string>(tokens));
}

inline Settlement settlement(const Delivery& delivery, SettleAs as = SettleAs::Done) {
    Settlement made;
    made.id = delivery.id;
    made.attempt = delivery.attempt;
    made.as = as;
    made.used = delivery.used;
    return made;
}

/// Calls a store and waits for it.
class Caller {
  public:
    explicit Caller(test::OpenStore& opened) : opened_(opened) {}

    Result<Appended> append(std::vector<Item> items, SystemTime at) {
        return wait_for<Appended>([&](Completion<Appended> done) {
            opened_->append(std::move(items), at, std::move(done));
        });
    }
    Result<std::monostate> attach(
        const std::string& handler, std::function<bool(const Stream&)> accepts = {},
        std::function<void()> on_work = {}
    ) {
        if (!accepts) accepts = [](const Stream&) { return true; };
        return wait_for<std::monostate>([&](Completion<std::monostate> done) {
            opened_->attach({handler, std::move(accepts), std::move(on_work)}, std::move(done));
        });
    }
    Result<std::monostate> detach(const std::string& handler) {
        return wait_for<std::monostate>([&](Completion<std::monostate> done) {
            opened_->detach(handler, std::move(done));
        });
    }
    Result<std::vector<Delivery>> lease(LeaseRequest request) {
        return wait_for<std::vector<Delivery>>([&](Completion<std::vector<Delivery>> done) {
            opened_->lease(std::move(request), std::move(done));
        });
    }
    std::vector<Delivery> lease(const std::string& handler, std::size_t limit = 256) {
        LeaseRequest request;
        request.handler = handler;
        request.limit = limit;
        auto leased = lease(std::move(request));
        EXPECT_TRUE(leased.has_value());
        return leased ? std::move(*leased) : std::vector<Delivery>{};
    }
    Result<std::size_t> settle(const std::string& handler, std::vector<Settlement> settlements) {
        return wait_for<std::size_t>([&](Completion<std::size_t> done) {
            opened_->settle(handler, std::move(settlements), std::move(done));
        });
    }
    /// How many were refused.
    std::size_t settle(
        const std::string& handler, const Delivery& delivery, SettleAs as = SettleAs::Done,
        SystemTime at = {}, const std::string& reason = ""
    ) {
        Settlement settlement;
        settlement.id = delivery.id;
        settlement.attempt = delivery.attempt;
        settlement.as = as;
        settlement.used = delivery.used + (as == SettleAs::Retry ? 1 : 0);
        settlement.at = at;
        settlement.reason = reason;
        const auto refused = settle(handler, std::vector{settlement});
        EXPECT_TRUE(refused.has_value());
        return refused ? *refused : 1;
    }
    StoreStats stats() {
        auto stats = wait_for<StoreStats>([&](Completion<StoreStats> done) {
            opened_->stats(std::move(done));
        });
        EXPECT_TRUE(stats.has_value());
        return stats ? std::move(*stats) : StoreStats{};
    }
    HandlerStats stats(const std::string& handler) {
        for (auto& of_handler : stats().handlers) {
            if (of_handler.handler == handler) return of_handler;
        }
        return {};
    }
    Result<std::vector<DeliveryRow>> list(DeliveryQuery query = {}) {
        return wait_for<std::vector<DeliveryRow>>([&](Completion<std::vector<DeliveryRow>> done) {
            opened_->list(std::move(query), std::move(done));
        });
    }
    Result<StoredNotification> show(NotificationId id) {
        return wait_for<StoredNotification>([&](Completion<StoredNotification> done) {
            opened_->show(id, std::move(done));
        });
    }
    Result<std::int64_t> put(SubscriptionRecord record) {
        return wait_for<std::int64_t>([&](Completion<std::int64_t> done) {
            opened_->put_subscription(std::move(record), std::move(done));
        });
    }
    Result<std::monostate> erase(std::int64_t record) {
        return wait_for<std::monostate>([&](Completion<std::monostate> done) {
            opened_->erase_subscription(record, std::move(done));
        });
    }
    Result<std::vector<SubscriptionRecord>> subscriptions() {
        return wait_for<std::vector<SubscriptionRecord>>(
            [&](Completion<std::vector<SubscriptionRecord>> done) {
                opened_->subscriptions(std::move(done));
            }
        );
    }
    Result<std::vector<KnownPtr>> ask(std::vector<Store::Query> queries) {
        return wait_for<std::vector<KnownPtr>>([&](Completion<std::vector<KnownPtr>> done) {
            opened_->ask(std::move(queries), std::move(done));
        });
    }
    Result<std::vector<RefusedBody>> refused() {
        return wait_for<std::vector<RefusedBody>>([&](Completion<std::vector<RefusedBody>> done) {
            opened_->refused(std::move(done));
        });
    }
    Result<std::uint64_t> replay(Selection selection) {
        return wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
            opened_->replay(std::move(selection), std::move(done));
        });
    }
    Result<std::uint64_t> replay_dead(Selection selection) {
        return wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
            opened_->replay_dead(std::move(selection), std::move(done));
        });
    }
    Result<std::uint64_t> drop_dead(Selection selection) {
        return wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
            opened_->drop_dead(std::move(selection), std::move(done));
        });
    }
    Result<std::monostate> put_verdict(std::int64_t proof, const std::string& verdict) {
        return wait_for<std::monostate>([&](Completion<std::monostate> done) {
            opened_->put_verdict(proof, verdict, std::move(done));
        });
    }
    Result<std::uint64_t> retry_quarantined(Selection selection) {
        return wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
            opened_->retry_quarantined(std::move(selection), std::move(done));
        });
    }
    Result<std::uint64_t> drop_quarantined(Selection selection) {
        return wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
            opened_->drop_quarantined(std::move(selection), std::move(done));
        });
    }
    Result<UnsidPut> put(Unsid unsid) {
        return wait_for<UnsidPut>([&](Completion<UnsidPut> done) {
            opened_->put_unsid(std::move(unsid), std::move(done));
        });
    }
    Result<std::vector<Unsid>> unsids(UnsidQuery query = {}) {
        return wait_for<std::vector<Unsid>>([&](Completion<std::vector<Unsid>> done) {
            opened_->unsids(std::move(query), std::move(done));
        });
    }
    Result<std::uint64_t> drop(UnsidQuery selection) {
        return wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
            opened_->drop_unsids(std::move(selection), std::move(done));
        });
    }
    Result<std::monostate> pause(const std::string& handler, bool paused) {
        return wait_for<std::monostate>([&](Completion<std::monostate> done) {
            opened_->pause(handler, paused, std::move(done));
        });
    }

  private:
    test::OpenStore& opened_;
};

/// A store under a manual clock, and words to speak to it.
class StoreFixture : public ::testing::Test {
  protected:
    Result<Appended> append(std::vector<Item> items) {
        return call.append(std::move(items), clock.system_now());
    }
    std::vector<std::string> resources(const std::vector<Delivery>& deliveries) {
        std::vector<std::string> all;
        for (const auto& delivery : deliveries) all.push_back(delivery.resource);
        return all;
    }
    SystemTime in(std::chrono::microseconds time) const { return clock.system_now() + time; }
    std::string database() const { return opened.dir.file("store.db"); }
    /// The first column of the first row, by another connection.
    std::int64_t in_file(const std::string& sql) {
        sqlite3* raw = nullptr;
        EXPECT_EQ(sqlite3_open(database().c_str(), &raw), SQLITE_OK);
        sqlite3_busy_timeout(raw, 5'000);
        sqlite3_stmt* statement = nullptr;
        EXPECT_EQ(sqlite3_prepare_v2(raw, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
            << sqlite3_errmsg(raw);
        std::int64_t value = 0;
        if (sqlite3_step(statement) == SQLITE_ROW) value = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        sqlite3_close(raw);
        return value;
    }

    ManualClock clock;
    test::OpenStore opened{clock};
    Caller call{opened};
};

}  // namespace graphhook::store
