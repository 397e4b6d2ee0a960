// Rich deliveries: proved before they are handed over, or not handed over.

#include "tests/handlers/dispatcher_fixture.hpp"

#include <gmock/gmock.h>

#include <future>
#include <stdexcept>
#include <thread>

namespace graphhook::handlers {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using store::DeliveryState;
using ::testing::HasSubstr;
using ::testing::Not;

class RichDispatchTest : public DispatcherFixture {
  protected:
    /// Holds the handler with a first delivery (id 1) and lets it go when `add_more` has added what
    /// shall come as one batch.
    void as_one_batch(const std::function<void()>& add_more) {
        recorder_->hold();
        (void)add(1'000);
        ASSERT_TRUE(recorder_->wait_for_inside(1));
        add_more();
        flush();
        flush();
        recorder_->let_go();
    }
    bool is(std::int64_t id, DeliveryState state) {
        return source_.wait_for_state(kName, id, state);
    }
    /// Given back so often.
    bool is_given_back(std::int64_t id, std::uint32_t times = 1) {
        return source_.wait_until(kName, [&](const auto& rows) {
            return rows.at(id).releases >= times && rows.at(id).state == DeliveryState::Waiting;
        });
    }
    bool counts(const std::string& line) {
        return metrics().find(line + "\n") != std::string::npos;
    }
};

TEST_F(RichDispatchTest, ProvedOnesGoToTheHandlerInTheirOrderWithTheirData) {
    opener_.answer_with([](const store::Delivery& one) {
        return proved(one.id.value == 3 ? std::string() : R"({"subject":"hello"})");
    });
    start(8, 1, {}, true);
    as_one_batch([&] {
        (void)source_.add_rich(1, R"({"id":"a","encryptedContent":{"data":"QQ=="},"b":2})");
        (void)source_.add_rich(2);
        (void)add(3);
        (void)source_.add_rich(4);
    });
    ASSERT_TRUE(is(5, DeliveryState::Done));
    EXPECT_EQ(recorder_->ids(), (std::vector<std::string>{"1", "2", "3", "4", "5"}));
    const auto seen = recorder_->seen();
    EXPECT_EQ(seen[1].data, R"({"subject":"hello"})");
    EXPECT_EQ(seen[1].item, R"({"id":"a","b":2})") << "handlers never see encryptedContent";
    EXPECT_EQ(seen[2].data, "") << "it brought none";
    EXPECT_EQ(seen[3].data, "");
    EXPECT_EQ(seen[4].data, R"({"subject":"hello"})");
    EXPECT_EQ(recorder_->sizes(), (std::vector<std::size_t>{1, 4}));
    ASSERT_EQ(opener_.asked().size(), 1u) << "one question a batch, none for what is basic";
    EXPECT_EQ(opener_.asked()[0].ids, (std::vector<std::int64_t>{2, 3, 5}));
    EXPECT_TRUE(opener_.asked()[0].decrypt);
}

TEST_F(RichDispatchTest, OfWhatIsToBeDecryptedASmallPartOfALargeBatchIsHandedOverFirst) {
    start(1'024, 1, {}, true);
    as_one_batch([&] {
        for (std::uint64_t key = 1; key <= 600; ++key) (void)source_.add_rich(key);
    });
    ASSERT_TRUE(is(601, DeliveryState::Done));
    EXPECT_EQ(recorder_->sizes(), (std::vector<std::size_t>{1, 256, 256, 88}));
}

TEST_F(RichDispatchTest, NothingIsDecryptedForAHandlerThatDoesNotWantIt) {
    opener_.answer_with([](const auto&) { return proved(R"({"subject":"hello"})"); });
    start();
    ASSERT_TRUE(is(source_.add_rich(1), DeliveryState::Done));
    EXPECT_FALSE(opener_.asked().at(0).decrypt);
    EXPECT_EQ(recorder_->seen().at(0).data, "");
}

TEST_F(RichDispatchTest, WhatWaitsHoldsBackItsOwnResourceOnlyAndCostsNoWrite) {
    opener_.answer_with([](const auto&) { return waits("key_unknown"); });
    start();
    const auto waiting = source_.add_rich(1);
    const auto behind = add(1);
    const auto other = add(2);
    ASSERT_TRUE(is(other, DeliveryState::Done));
    ASSERT_TRUE(is_given_back(waiting));
    EXPECT_EQ(source_.row(kName, waiting).not_before, clock_.system_now() + seconds(15));
    EXPECT_EQ(source_.row(kName, behind).leases, 0u);
    EXPECT_EQ(source_.durable_writes(), 1u) << "the other's done";
    for (int i = 0; i < 50; ++i) flush();
    EXPECT_EQ(source_.row(kName, waiting).leases, 1u) << "it is not asked for in a loop";
    EXPECT_EQ(opener_.asked().size(), 1u);

    opener_.answer_with([](const auto&) { return proved(); });
    advance(seconds(15));
    ASSERT_TRUE(is(behind, DeliveryState::Done));
    EXPECT_EQ(recorder_->ids(), (std::vector<std::string>{"3", "1", "2"}));
}

TEST_F(RichDispatchTest, HoweverOftenItWaitsNoAttemptIsUsedUpAndNothingIsSentAlone) {
    opener_.answer_with([](const auto&) { return waits("keys_missing", seconds(1)); });
    start(8);
    as_one_batch([&] {
        for (std::uint64_t key = 1; key <= 4; ++key) (void)source_.add_rich(key);
    });
    for (std::uint32_t times = 1; times <= 12; ++times) {
        for (std::int64_t id = 2; id <= 5; ++id) ASSERT_TRUE(is_given_back(id, times));
        flush();
        if (times < 12) advance(seconds(1));
    }
    EXPECT_EQ(source_.row(kName, 2).delivery.attempt, 1u);
    EXPECT_EQ(source_.row(kName, 2).delivery.used, 0u);
    EXPECT_EQ(source_.durable_writes(), 1u);
    EXPECT_TRUE(counts(R"(graphhook_handler_circuit_open{handler="tickets"} 0)"));
    EXPECT_TRUE(counts(R"(graphhook_delivery_duration_seconds_count{handler="tickets"} 1)"))
        << "the handler was not called for it";
    opener_.answer_with([](const auto&) { return proved(); });
    advance(seconds(1));
    ASSERT_TRUE(is(5, DeliveryState::Done));
    EXPECT_EQ(recorder_->sizes(), (std::vector<std::size_t>{1, 4})) << "all in one batch";
    for (const auto& one : recorder_->seen()) EXPECT_EQ(one.attempt, 1u);
}

TEST_F(RichDispatchTest, WhatIsProvedFalseGoesToTheQuarantineAndItsResourceGoesOn) {
    opener_.answer_with([](const store::Delivery& one) {
        return one.proof->tokens == "forged" ? disproved("token_signature", "by none of our keys")
                                             : proved();
    });
    start();
    const auto forged = source_.add_rich(1, "{}", "forged");
    const auto genuine = source_.add_rich(1);
    ASSERT_TRUE(is(genuine, DeliveryState::Done));
    const auto row = source_.row(kName, forged);
    EXPECT_EQ(row.state, DeliveryState::Quarantined);
    EXPECT_EQ(row.reason, "token_signature: by none of our keys");
    EXPECT_EQ(recorder_->ids(), (std::vector<std::string>{"2"}));
}

TEST_F(RichDispatchTest, EachOfAMixedBatchGetsWhatItDeserves) {
    opener_.answer_with([](const store::Delivery& one) {
        if (one.proof->tokens == "forged") return disproved("token_coverage", "of another tenant");
        return one.proof->tokens == "waits" ? waits("key_unknown") : proved("{}");
    });
    start(16, 1, {}, true);
    as_one_batch([&] {
        (void)source_.add_rich(1, "{}", "forged");
        (void)add(2);
        (void)source_.add_rich(3, "{}", "waits");
        (void)source_.add_rich(4, "{}", "genuine");
        (void)add(5);
    });
    ASSERT_TRUE(is(6, DeliveryState::Done));
    ASSERT_TRUE(is(2, DeliveryState::Quarantined));
    ASSERT_TRUE(is_given_back(4));
    EXPECT_EQ(recorder_->ids(), (std::vector<std::string>{"1", "3", "5", "6"}));
    EXPECT_EQ(recorder_->sizes(), (std::vector<std::size_t>{1, 3}));
    for (const auto* line :
         {R"(graphhook_items_unproved_total{reason="key_unknown"} 1)",
          R"(graphhook_items_disproved_total{reason="token_coverage"} 1)",
          R"(graphhook_deliveries_total{handler="tickets",outcome="waits"} 1)",
          R"(graphhook_deliveries_total{handler="tickets",outcome="quarantined"} 1)",
          R"(graphhook_deliveries_total{handler="tickets",outcome="done"} 4)"})
        EXPECT_TRUE(counts(line)) << line;
}

TEST_F(RichDispatchTest, WithoutAnOpenerRichDeliveriesAreNeverHandedOver) {
    Dispatcher without(source_, clock_, metrics_, {.random = [] { return 0.5; }});
    ASSERT_TRUE(without.add(
        kName, std::make_unique<RecordingHandler>(recorder_, 4), [](const auto&) { return true; }
    ));
    const auto rich = source_.add_rich(1);
    const auto basic = add(2);
    ASSERT_TRUE(is(basic, DeliveryState::Done));
    ASSERT_TRUE(is_given_back(rich));
    EXPECT_EQ(recorder_->ids(), (std::vector<std::string>{"2"}));
    EXPECT_TRUE(counts(R"(graphhook_items_unproved_total{reason="nothing_opens_them"} 1)"));
}

TEST_F(RichDispatchTest, OpenerThatThrowsCostsBasicNeighboursNothingAndTheRestWaits) {
    opener_.answer_with([](const auto&) -> Opened { throw std::runtime_error("no luck"); });
    start(8);
    as_one_batch([&] {
        (void)source_.add_rich(1);
        (void)add(2);
    });
    ASSERT_TRUE(is(3, DeliveryState::Done));
    ASSERT_TRUE(is_given_back(2));
    EXPECT_TRUE(counts(R"(graphhook_items_unproved_total{reason="opening_failed"} 1)"));
    opener_.answer_with([](const auto&) { return proved(); });
    advance(seconds(15));
    ASSERT_TRUE(is(2, DeliveryState::Done));
}

TEST_F(RichDispatchTest, WhatCanNeverBeProvedBecomesADeadLetterAfterMaxAgeAndNoSooner) {
    opener_.answer_with([](const auto&) { return waits("tokens_null", hours(1)); });
    start(1, 1, {.max_age = hours(3)});
    const auto id = source_.add_rich(1);
    const auto behind = add(1);
    for (std::uint32_t times = 1; times <= 4; ++times) {
        ASSERT_TRUE(is_given_back(id, times));
        flush();
        advance(hours(1));
    }
    ASSERT_TRUE(is(id, DeliveryState::Dead));
    EXPECT_EQ(source_.row(kName, id).reason, "tokens_null: so it is; not proved within max_age");
    ASSERT_TRUE(is(behind, DeliveryState::Done)) << "what was behind it goes on";
    EXPECT_TRUE(counts(R"(graphhook_deliveries_total{handler="tickets",outcome="dead"} 1)"));
    EXPECT_TRUE(counts(R"(graphhook_items_unproved_total{reason="tokens_null"} 4)"));
}

TEST_F(RichDispatchTest, WhatIsNotProvedTellsTheCircuitNothing) {
    opener_.answer_with([](const store::Delivery& one) {
        return one.id.value % 2 == 0 ? waits("key_unknown")
                                     : disproved("token_expired", "long ago");
    });
    start();
    for (std::uint64_t key = 1; key <= 20; ++key) (void)source_.add_rich(key);
    ASSERT_TRUE(source_.wait_until(kName, [](const auto& rows) {
        return rows.size() == 20 && std::all_of(rows.begin(), rows.end(), [](const auto& row) {
                   return row.first % 2 == 0 ? row.second.releases == 1
                                             : row.second.state == DeliveryState::Quarantined;
               });
    }));
    EXPECT_TRUE(counts(R"(graphhook_handler_circuit_open{handler="tickets"} 0)"));
    EXPECT_TRUE(recorder_->seen().empty());
    ASSERT_TRUE(is(add(99), DeliveryState::Done));
}

TEST_F(RichDispatchTest, ProbeThatIsNotProvedIsNoProbeAndTheNextOneIs) {
    opener_.answer_with([](const auto&) { return waits("key_unknown", seconds(1)); });
    recorder_->answer_with([](const Delivery&) { return Outcome::retry_target("unreachable"); });
    start();
    const auto waiting = source_.add_rich(11);
    const auto forged = source_.add_rich(12, "{}", "forged");
    ASSERT_TRUE(is_given_back(waiting));
    ASSERT_TRUE(is_given_back(forged));
    for (std::uint64_t key = 1; key <= 5; ++key) (void)add(key);
    ASSERT_TRUE(source_.wait_until(kName, [](const auto& rows) {
        return rows.size() == 7 && std::all_of(rows.begin(), rows.end(), [](const auto& row) {
                   return row.first < 3 || row.second.state == DeliveryState::Retrying;
               });
    }));
    flush();
    EXPECT_TRUE(counts(R"(graphhook_handler_circuit_open{handler="tickets"} 1)"));
    opener_.answer_with([](const store::Delivery& one) {
        return one.proof->tokens == "forged" ? disproved("token_issuer", "x")
                                             : waits("key_unknown", hours(1));
    });
    recorder_->answer_with([](const Delivery&) { return Outcome::done(); });
    // They are due, and come first: the oldest two of what the circuit may be probed with.
    advance(seconds(1));
    ASSERT_TRUE(is(forged, DeliveryState::Quarantined));
    ASSERT_TRUE(is_given_back(waiting, 2));
    ASSERT_TRUE(is(7, DeliveryState::Done)) << "the third probe closed it";
    EXPECT_TRUE(counts(R"(graphhook_handler_circuit_open{handler="tickets"} 0)"));
}

TEST_F(RichDispatchTest, SlowOpenerIsNotBlamedOnTheTarget) {
    opener_.hold();
    start(8);
    as_one_batch([&] {
        (void)source_.add_rich(1);
        (void)add(2);
    });
    ASSERT_TRUE(opener_.wait_for_inside(1));
    advance(Dispatcher::kTimeLimit);
    ASSERT_TRUE(is_given_back(2));
    ASSERT_TRUE(is(3, DeliveryState::Done)) << "its neighbour need not wait for it";
    EXPECT_EQ(source_.row(kName, 3).delivery.attempt, 1u);
    EXPECT_TRUE(counts(R"(graphhook_items_unproved_total{reason="opening_slow"} 1)"));
    EXPECT_TRUE(counts(R"(graphhook_handler_circuit_open{handler="tickets"} 0)"));
    EXPECT_TRUE(counts(R"(graphhook_deliveries_total{handler="tickets",outcome="retry_target"} 0)")
    );
    opener_.let_go();
    advance(seconds(15));
    ASSERT_TRUE(is(2, DeliveryState::Done));
    EXPECT_EQ(source_.row(kName, 2).delivery.used, 0u);
}

TEST_F(RichDispatchTest, TimeThatOpeningTookIsNotTakenFromTheHandler) {
    opener_.hold();
    recorder_->hold();
    start();
    const auto id = source_.add_rich(1);
    ASSERT_TRUE(opener_.wait_for_inside(1));
    const auto leased_until = source_.row(kName, id).lease_ends;
    advance(seconds(40));
    ASSERT_TRUE(source_.wait_until(kName, [&](const auto& rows) {
        return rows.at(id).lease_ends > leased_until;
    })) << "leases of what is being opened are extended";
    opener_.let_go();
    ASSERT_TRUE(recorder_->wait_for_inside(1));
    advance(seconds(40));
    flush();
    EXPECT_EQ(source_.row(kName, id).state, DeliveryState::Leased);
    recorder_->let_go();
    ASSERT_TRUE(is(id, DeliveryState::Done));
    EXPECT_EQ(source_.row(kName, id).leases, 1u);
}

TEST_F(RichDispatchTest, AfterTheGraceOpeningEndsAndNothingIsHandedOver) {
    opener_.hold();
    start(8);
    as_one_batch([&] {
        (void)source_.add_rich(1);
        (void)add(2);
    });
    ASSERT_TRUE(opener_.wait_for_inside(1));
    dispatcher_.stop(milliseconds(1));
    for (const std::int64_t id : {2, 3}) {
        EXPECT_EQ(source_.row(kName, id).state, DeliveryState::Waiting);
        EXPECT_EQ(source_.row(kName, id).releases, 1u);
        EXPECT_EQ(source_.row(kName, id).delivery.attempt, 1u);
    }
    EXPECT_EQ(recorder_->seen().size(), 1u);
    EXPECT_THAT(metrics(), Not(HasSubstr("graphhook_items_unproved_total{")))
        << "that it was cut short says nothing about it";
}

TEST_F(RichDispatchTest, StopAtOnceWaitsForTheOpenerAndForNothingElse) {
    opener_.hold();
    start();
    const auto id = source_.add_rich(1);
    ASSERT_TRUE(opener_.wait_for_inside(1));
    dispatcher_.stop_at_once();
    dispatcher_.stop(hours(10));
    EXPECT_TRUE(opener_.wait_for_inside(0)) << "nobody is inside what may be destroyed now";
    flush();
    EXPECT_EQ(source_.row(kName, id).state, DeliveryState::Waiting);
    EXPECT_TRUE(recorder_->seen().empty());
}

/// Where the data of what it is given lies, and how it ends.
class PeekingHandler final : public Handler {
  public:
    explicit PeekingHandler(bool throws) : throws_(throws) {}
    bool wants_data() const override { return true; }
    std::vector<Outcome> handle(std::span<const Delivery> batch, std::stop_token) override {
        on_this_thread = true;
        data = &batch[0].data;
        memory = std::string_view(*data);
        was = *data;
        if (throws_) throw std::runtime_error("no luck");
        return {Outcome::done()};
    }
    const std::string* data = nullptr;
    std::string_view memory;
    std::string was;
    static thread_local bool on_this_thread;

  private:
    const bool throws_;
};

thread_local bool PeekingHandler::on_this_thread = false;

/// Looks at something whenever time is asked for: here, between the handler's answer and the end of
/// what it was given.
class PeekingClock final : public Clock {
  public:
    SystemTime system_now() const override { return real_clock().system_now(); }
    SteadyTime steady_now() const override {
        if (look) look();
        return real_clock().steady_now();
    }
    std::function<void()> look;
};

TEST(RichDataTest, IsWipedWhenTheHandlerHasReturnedOrThrown) {
    const std::string secret = R"({"subject":"nobody else's business"})";
    for (const bool throws : {false, true}) {
        FakeClock store_clock;
        FakeSource source(store_clock);
        FakeOpener opener([&](const auto&) { return proved(secret); });
        prometheus::Registry registry;
        Metrics metrics(registry);
        PeekingClock clock;
        auto handler = std::make_unique<PeekingHandler>(throws);
        auto& peek = *handler;
        std::promise<std::string> found;
        // The worker's first question after the handler had it: the batch is still there.
        clock.look = [&] {
            if (!std::exchange(PeekingHandler::on_this_thread, false)) return;
            found.set_value(
                peek.data->empty() ? std::string(peek.memory) : "not even emptied: " + *peek.data
            );
        };
        Dispatcher dispatcher(source, clock, metrics, {.opener = &opener});
        ASSERT_TRUE(dispatcher.add("peek", std::move(handler), [](const auto&) { return true; }));
        (void)source.add_rich(1);
        const auto memory = found.get_future().get();
        EXPECT_EQ(peek.was, secret);
        EXPECT_EQ(memory, std::string(secret.size(), '\0')) << "throws: " << throws;
        dispatcher.stop(seconds(20));
    }
}

}  // namespace
}  // namespace graphhook::handlers
