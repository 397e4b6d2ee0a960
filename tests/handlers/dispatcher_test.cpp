#include "tests/handlers/dispatcher_fixture.hpp"

#include <gmock/gmock.h>

#include <future>
#include <stdexcept>

namespace graphhook::handlers {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using store::DeliveryState;

constexpr auto kGrace = seconds(20);

class DispatcherTest : public DispatcherFixture {};

TEST_F(DispatcherTest, HandsOverEverythingAHandlerNeedsToKnow) {
    start();
    const auto id = source_.add(
        1, stream_of("support-inbox", store::Lane::Change, "updated"), R"({"changeType":"updated"})"
    );
    ASSERT_TRUE(source_.wait_for_state(kName, id, DeliveryState::Done));
    const auto seen = recorder_->seen().at(0);
    EXPECT_EQ(seen.id, std::to_string(id));
    EXPECT_EQ(seen.attempt, 1U);
    EXPECT_FALSE(seen.replayed);
    EXPECT_FALSE(seen.lifecycle);
    EXPECT_EQ(seen.subscription, "support-inbox");
    EXPECT_EQ(seen.tenant, "contoso");
    EXPECT_EQ(seen.kind, "message");
    EXPECT_EQ(seen.change, "updated");
    EXPECT_EQ(seen.resource, "users/1/messages/1");
    EXPECT_EQ(seen.received_at, clock_.system_now());
    EXPECT_EQ(seen.item, R"({"changeType":"updated"})");
    EXPECT_THAT(
        metrics(),
        ::testing::HasSubstr(R"(graphhook_deliveries_total{handler="tickets",outcome="done"} 1)")
    );
}

TEST_F(DispatcherTest, HandsOverInBatchesUpToTheHandlersLimit) {
    recorder_->hold();
    start(4);
    const auto first = add(100);
    ASSERT_TRUE(recorder_->wait_for_inside(1));
    for (std::uint64_t key = 1; key <= 10; ++key) (void)add(key);
    flush();
    recorder_->let_go();
    ASSERT_TRUE(source_.wait_until(kName, [&](const auto& rows) {
        return rows.rbegin()->second.state == DeliveryState::Done;
    }));
    EXPECT_EQ(recorder_->seen().size(), 11U);
    for (const auto size : recorder_->sizes()) EXPECT_LE(size, 4U);
    EXPECT_LT(recorder_->sizes().size(), 11U);
    EXPECT_EQ(source_.row(kName, first).leases, 1U);
}

TEST_F(DispatcherTest, WhileOneIsRetriedLaterOnesOfItsKeyWaitAndAllOthersGoOn) {
    recorder_->answer_with([](const Delivery& delivery) {
        return delivery.id == "1" && delivery.attempt == 1 ? Outcome::retry_item("HTTP 422")
                                                           : Outcome::done();
    });
    start();
    const auto failing = add(1);
    const auto behind = add(1);
    const auto other = add(2);
    ASSERT_TRUE(source_.wait_for_state(kName, other, DeliveryState::Done));
    ASSERT_TRUE(source_.wait_for_state(kName, failing, DeliveryState::Retrying));
    EXPECT_EQ(source_.row(kName, behind).state, DeliveryState::Waiting);
    advance(milliseconds(500));
    ASSERT_TRUE(source_.wait_for_state(kName, behind, DeliveryState::Done));
    EXPECT_EQ(recorder_->ids(), (std::vector<std::string>{"1", "3", "1", "2"}));
}

TEST_F(DispatcherTest, OnlyAnswersAboutTheItemUseUpAttemptsAndThenItIsDead) {
    recorder_->answer_with([](const Delivery&) { return Outcome::retry_item("HTTP 400"); });
    start(1, 1, {.attempts = 3});
    const auto id = add(1);
    ASSERT_TRUE(source_.wait_for_state(kName, id, DeliveryState::Retrying));
    ASSERT_TRUE(advance_until([&](const auto& rows) {
        return rows.at(id).state == DeliveryState::Dead;
    }));
    EXPECT_EQ(recorder_->seen().size(), 3U);
    EXPECT_EQ(source_.row(kName, id).reason, "HTTP 400; given up after 3 attempts");
}

TEST_F(DispatcherTest, UnreachableTargetUsesUpNoAttemptsAndIsLeftAlone) {
    recorder_->answer_with([](const Delivery&) { return Outcome::retry_target("unreachable"); });
    start();
    for (std::uint64_t key = 1; key <= 50; ++key) (void)add(key);
    ASSERT_TRUE(source_.wait_until(kName, [](const auto& rows) {
        std::size_t retrying = 0, leased = 0;
        for (const auto& [id, row] : rows) {
            retrying += row.state == DeliveryState::Retrying;
            leased += row.state == DeliveryState::Leased;
        }
        return retrying == 5 && leased == 0 && rows.size() == 50;
    }));
    flush();
    const auto asked = source_.leases_asked();
    EXPECT_EQ(source_.durable_writes(), 5U) << "while the circuit is open nothing is written";
    EXPECT_THAT(
        metrics(), ::testing::HasSubstr(R"(graphhook_handler_circuit_open{handler="tickets"} 1)")
    );
    source_.poke();
    flush();
    flush();
    EXPECT_EQ(source_.leases_asked(), asked) << "while the circuit is open nothing is leased";
    for (const auto& delivery : recorder_->seen()) {
        EXPECT_EQ(source_.row(kName, std::stoll(delivery.id)).delivery.used, 0U);
    }
}

TEST_F(DispatcherTest, WhenTheTargetIsBackOneProbeClosesTheCircuitAndAllIsHandled) {
    recorder_->answer_with([](const Delivery&) { return Outcome::retry_target("unreachable"); });
    start(16);
    for (std::uint64_t key = 1; key <= 50; ++key) (void)add(key);
    ASSERT_TRUE(source_.wait_until(kName, [](const auto& rows) {
        std::size_t retrying = 0, leased = 0;
        for (const auto& [id, row] : rows) {
            retrying += row.state == DeliveryState::Retrying;
            leased += row.state == DeliveryState::Leased;
        }
        return retrying == 5 && leased == 0;
    }));
    recorder_->answer_with([](const Delivery&) { return Outcome::done(); });
    ASSERT_TRUE(advance_until([](const auto& rows) {
        return std::all_of(rows.begin(), rows.end(), [](const auto& row) {
            return row.second.state == DeliveryState::Done;
        });
    }));
    EXPECT_THAT(
        metrics(), ::testing::HasSubstr(R"(graphhook_handler_circuit_open{handler="tickets"} 0)")
    );
}

TEST_F(DispatcherTest, PoisonedItemInABatchDoesNotBlockTheHealthyOnes) {
    // What a target does that answers 500 to any batch that holds the one item it stumbles over.
    class Target final : public Handler {
      public:
        std::size_t batch_limit() const override { return 32; }
        std::vector<Outcome> handle(std::span<const Delivery> batch, std::stop_token) override {
            const bool poisoned = std::any_of(batch.begin(), batch.end(), [](const auto& one) {
                return one.id == "20";
            });
            return std::vector<Outcome>(
                batch.size(), poisoned ? Outcome::retry_target("HTTP 500") : Outcome::done()
            );
        }
    };
    ASSERT_TRUE(dispatcher_.add(kName, std::make_unique<Target>(), [](const auto&) { return true; })
    );
    for (std::uint64_t key = 1; key <= 64; ++key) (void)add(key);
    ASSERT_TRUE(source_.wait_until(kName, [](const auto& rows) {
        return rows.size() == 64 && std::all_of(rows.begin(), rows.end(), [](const auto& row) {
                   return row.first == 20 ? row.second.state == DeliveryState::Retrying
                                          : row.second.state == DeliveryState::Done;
               });
    }));
    EXPECT_EQ(source_.row(kName, 20).delivery.used, 0U);
    EXPECT_THAT(
        metrics(), ::testing::HasSubstr(R"(graphhook_handler_circuit_open{handler="tickets"} 0)")
    );
}

TEST_F(DispatcherTest, TargetIsGivenUpOnlyAfterMaxAgeAndThreeTries) {
    recorder_->answer_with([](const Delivery&) { return Outcome::retry_target("HTTP 404"); });
    start();
    const auto old = add(1, hours(80));
    ASSERT_TRUE(advance_until([&](const auto& rows) {
        return rows.at(old).state == DeliveryState::Dead;
    }));
    EXPECT_EQ(recorder_->seen().size(), 3U);
    EXPECT_EQ(source_.row(kName, old).delivery.used, 0U);
}

TEST_F(DispatcherTest, LifecycleNotificationsAreNeverBehindABacklog) {
    recorder_->hold();
    start();
    (void)add(1);
    ASSERT_TRUE(recorder_->wait_for_inside(1));
    for (std::uint64_t key = 2; key <= 40; ++key) (void)add(key);
    const auto event = source_.add(99, stream_of("inbox", store::Lane::Lifecycle, "missed"));
    flush();
    recorder_->let_go();
    ASSERT_TRUE(source_.wait_for_state(kName, event, DeliveryState::Done));
    const auto ids = recorder_->ids();
    const auto place = std::find(ids.begin(), ids.end(), std::to_string(event)) - ids.begin();
    EXPECT_LE(place, 17) << "at most what was leased ahead came before it";
    EXPECT_TRUE(recorder_->seen().at(static_cast<std::size_t>(place)).lifecycle);
}

TEST_F(DispatcherTest, HandlerThatThrowsCountsAsATargetThatFails) {
    recorder_->answer_with([](const Delivery& delivery) -> Outcome {
        if (delivery.attempt == 1) throw std::runtime_error("no\nluck");
        return Outcome::done();
    });
    start();
    const auto id = add(1);
    ASSERT_TRUE(source_.wait_for_state(kName, id, DeliveryState::Retrying));
    EXPECT_EQ(source_.row(kName, id).delivery.used, 0U);
    EXPECT_EQ(source_.row(kName, id).reason, "the handler threw: no\\x0aluck");
    ASSERT_TRUE(advance_until([&](const auto& rows) {
        return rows.at(id).state == DeliveryState::Done;
    }));
}

TEST_F(DispatcherTest, HandlersDoNotWaitForOneAnother) {
    const auto slow = std::make_shared<Recorder>();
    slow->hold();
    ASSERT_TRUE(dispatcher_.add(
        "slow", std::make_unique<RecordingHandler>(slow, 1), [](const auto&) { return true; }
    ));
    start();
    (void)add(1);
    ASSERT_TRUE(slow->wait_for_inside(1));
    const auto id = add(2);
    EXPECT_TRUE(source_.wait_for_state(kName, id, DeliveryState::Done));
    slow->let_go();
    EXPECT_TRUE(source_.wait_for_state("slow", id, DeliveryState::Done));
}

TEST_F(DispatcherTest, WorkersHandleAtTheSameTime) {
    recorder_->hold();
    start(1, 3);
    for (std::uint64_t key = 1; key <= 3; ++key) (void)add(key);
    EXPECT_TRUE(recorder_->wait_for_inside(3));
    recorder_->let_go();
    EXPECT_TRUE(source_.wait_for_state(kName, 3, DeliveryState::Done));
}

TEST_F(DispatcherTest, RunningHandlersLeaseIsExtended) {
    recorder_->hold();
    start();
    const auto id = add(1);
    ASSERT_TRUE(recorder_->wait_for_inside(1));
    const auto before = source_.row(kName, id).lease_ends;
    advance(seconds(30));
    ASSERT_TRUE(source_.wait_until(kName, [&](const auto& rows) {
        return rows.at(id).lease_ends > before;
    }));
    recorder_->let_go();
    ASSERT_TRUE(source_.wait_for_state(kName, id, DeliveryState::Done));
    EXPECT_EQ(source_.row(kName, id).leases, 1U);
}

TEST_F(DispatcherTest, HandlersTimeLimitIsShorterThanItsLeaseAndEndsTheAttempt) {
    recorder_->hold();
    start();
    const auto id = add(1);
    ASSERT_TRUE(recorder_->wait_for_inside(1));
    EXPECT_GT(source_.row(kName, id).lease_ends, clock_.steady_now() + Dispatcher::kTimeLimit);
    advance(Dispatcher::kTimeLimit);
    ASSERT_TRUE(source_.wait_for_state(kName, id, DeliveryState::Retrying));
    EXPECT_EQ(source_.row(kName, id).reason, "the handler did not answer in time");
    EXPECT_EQ(source_.row(kName, id).delivery.used, 0U);
    recorder_->let_go();
    ASSERT_TRUE(advance_until([&](const auto& rows) {
        return rows.at(id).state == DeliveryState::Done;
    }));
    EXPECT_EQ(recorder_->seen().back().attempt, 2U);
    EXPECT_EQ(source_.refused(), 0U) << "the late answer is not even sent";
}

TEST_F(DispatcherTest, CompletionForAnOlderAttemptIsRefusedAndCounted) {
    recorder_->hold();
    start();
    const auto id = add(1);
    ASSERT_TRUE(recorder_->wait_for_inside(1));
    source_.bump_attempt(kName, id);
    recorder_->let_go();
    ASSERT_TRUE(source_.wait_until(kName, [&](const auto&) { return true; }));
    dispatcher_.stop(kGrace);
    EXPECT_EQ(source_.refused(), 1U);
    EXPECT_NE(source_.row(kName, id).state, DeliveryState::Done);
    EXPECT_THAT(
        metrics(),
        ::testing::HasSubstr(R"(graphhook_deliveries_total{handler="tickets",outcome="refused"} 1)")
    );
}

TEST_F(DispatcherTest, LeaseThatTheStoreRefusedIsAskedForAgain) {
    source_.fail_next_lease();
    start();
    flush();
    const auto id = add(1);
    flush();
    advance(seconds(1));
    EXPECT_TRUE(source_.wait_for_state(kName, id, DeliveryState::Done));
}

TEST_F(DispatcherTest, StopFinishesWhatRunsAndGivesBackTheRest) {
    recorder_->hold();
    start();
    (void)add(1);
    ASSERT_TRUE(recorder_->wait_for_inside(1));
    for (std::uint64_t key = 2; key <= 10; ++key) (void)add(key);
    flush();
    std::thread stopper([&] { dispatcher_.stop(kGrace); });
    ASSERT_TRUE(source_.wait_until(kName, [](const auto& rows) {
        return std::all_of(rows.begin(), rows.end(), [](const auto& row) {
            return row.first == 1 || row.second.state == DeliveryState::Waiting;
        });
    }));
    recorder_->let_go();
    stopper.join();
    EXPECT_EQ(source_.row(kName, 1).state, DeliveryState::Done);
    EXPECT_EQ(recorder_->seen().size(), 1U);
    EXPECT_EQ(source_.durable_writes(), 1U) << "giving back costs no write";
    const auto asked = source_.leases_asked();
    (void)add(11);
    flush();
    EXPECT_EQ(source_.leases_asked(), asked);
}

/// Waits for its stop token, as a good handler does when its target is slow.
class PatientHandler final : public Handler {
  public:
    explicit PatientHandler(std::promise<void>& begun) : begun_(begun) {}
    std::vector<Outcome> handle(std::span<const Delivery> batch, std::stop_token stop) override {
        std::promise<void> stopped;
        const std::stop_callback on_stop(stop, [&] { stopped.set_value(); });
        begun_.set_value();
        stopped.get_future().wait();
        return std::vector<Outcome>(batch.size(), Outcome::retry_target("stopped"));
    }

  private:
    std::promise<void>& begun_;
};

TEST_F(DispatcherTest, AfterTheGraceHandlersAreToldToStopAndTheirWorkIsGivenBack) {
    std::promise<void> begun;
    ASSERT_TRUE(dispatcher_.add(kName, std::make_unique<PatientHandler>(begun), [](const auto&) {
        return true;
    }));
    const auto id = add(1);
    begun.get_future().wait();
    dispatcher_.stop(milliseconds(1));
    EXPECT_EQ(source_.row(kName, id).state, DeliveryState::Waiting);
    EXPECT_EQ(source_.row(kName, id).delivery.attempt, 1U);
    EXPECT_EQ(source_.durable_writes(), 0U);
}

TEST_F(DispatcherTest, SecondStopStopsAtOnce) {
    std::promise<void> begun;
    ASSERT_TRUE(dispatcher_.add(kName, std::make_unique<PatientHandler>(begun), [](const auto&) {
        return true;
    }));
    const auto id = add(1);
    begun.get_future().wait();
    std::promise<void> stopped;
    std::thread stopper([&] {
        dispatcher_.stop(hours(10));
        stopped.set_value();
    });
    dispatcher_.stop_at_once();
    EXPECT_EQ(stopped.get_future().wait_for(kGrace), std::future_status::ready);
    stopper.join();
    EXPECT_EQ(source_.row(kName, id).state, DeliveryState::Waiting);
}

TEST_F(DispatcherTest, HandlerThatHangsForeverDoesNotHoldUpTheStop) {
    recorder_->hold();
    start();
    const auto id = add(1);
    ASSERT_TRUE(recorder_->wait_for_inside(1));
    dispatcher_.stop_at_once();
    dispatcher_.stop(hours(10));
    flush();
    EXPECT_EQ(source_.row(kName, id).state, DeliveryState::Waiting) << "its work was given back";
    recorder_->let_go();
}

TEST_F(DispatcherTest, HandlersComeAndGoWhileOthersWork) {
    start();
    ASSERT_TRUE(source_.wait_for_state(kName, add(1), DeliveryState::Done));
    EXPECT_EQ(
        dispatcher_
            .add(
                kName, std::make_unique<RecordingHandler>(recorder_, 1),
                [](const auto&) { return true; }
            )
            .error()
            .code,
        Errc::Conflict
    );
    ASSERT_TRUE(dispatcher_.remove(kName, kGrace));
    EXPECT_FALSE(source_.attached(kName));
    EXPECT_EQ(dispatcher_.remove(kName, kGrace).error().code, Errc::NotFound);
    start();
    EXPECT_TRUE(source_.wait_for_state(kName, add(2), DeliveryState::Done));
}

TEST_F(DispatcherTest, NothingIsAddedOnceItHasStopped) {
    dispatcher_.stop(kGrace);
    const auto added = dispatcher_.add(
        kName, std::make_unique<RecordingHandler>(recorder_, 1), [](const auto&) { return true; }
    );
    ASSERT_TRUE(added.has_error());
    EXPECT_EQ(added.error().code, Errc::Aborted);
}

}  // namespace
}  // namespace graphhook::handlers
