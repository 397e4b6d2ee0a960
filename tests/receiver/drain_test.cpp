#include "tests/receiver/receiver_fixture.hpp"

#include <thread>

namespace graphhook::receiver {
namespace {

using std::chrono::milliseconds;
using test::get;
using test::HttpPeer;
using test::post;

class DrainTest : public ReceiverFixture {};

TEST_F(DrainTest, EverythingIsTakenWhileDrainingAndConnectionsAreAskedToGo) {
    ReceiverOptions options;
    options.drain_delay = milliseconds(60'000);
    start_tls(options);
    auto early = tls_peer();
    ASSERT_EQ(early.ask(get("/readyz"))->status, 200);
    receiver_->begin_drain();
    EXPECT_EQ(health_.state(), Health::State::Draining);
    auto late = tls_peer();  // the listener is still open
    const auto ready = late.ask(get("/readyz"));
    ASSERT_TRUE(ready);
    EXPECT_EQ(ready->status, 503);
    EXPECT_EQ(ready->headers.at("connection"), "close");
    const auto reply = early.ask(post("/graph/notifications", body_of(item_json())));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 202);
    EXPECT_EQ(reply->headers.at("connection"), "close");
    EXPECT_TRUE(early.closed_by_server());
    EXPECT_EQ(journal_.items().size(), 1u);
    EXPECT_FALSE(receiver_->wait_for_end(milliseconds(0)));
}

TEST_F(DrainTest, AcceptedRequestIsFinishedAfterTheListenerClosed) {
    ReceiverOptions options;
    options.drain_delay = milliseconds(0);
    start(options);
    auto busy = peer();
    auto idle = peer();
    ASSERT_EQ(idle.ask(get("/livez"))->status, 200);
    journal_.hold(true);
    ASSERT_TRUE(busy.send(post("/graph/notifications", body_of(item_json()))));
    ASSERT_TRUE(journal_.wait_for_held(1));
    receiver_->begin_drain();
    EXPECT_TRUE(idle.closed_by_server());
    EXPECT_THROW((void)peer(), std::runtime_error) << "nobody listens any more";
    EXPECT_FALSE(receiver_->wait_for_end(milliseconds(0)));
    journal_.hold(false);
    EXPECT_EQ(busy.read_reply()->status, 202);
    EXPECT_TRUE(receiver_->wait_for_end(milliseconds(10'000)));
    EXPECT_EQ(receiver_->connections(), 0u);
}

TEST_F(DrainTest, SecondCallDoesNotWait) {
    ReceiverOptions options;
    options.drain_delay = milliseconds(600'000);
    start(options);
    auto half = peer();
    ASSERT_EQ(half.ask(get("/livez"))->status, 200);
    ASSERT_TRUE(half.send("POST /graph/notifications HTTP/1.1\r\n"));
    receiver_->begin_drain();
    receiver_->begin_drain();
    EXPECT_TRUE(half.closed_by_server());
    EXPECT_TRUE(receiver_->wait_for_end(milliseconds(10'000)));
}

TEST_F(DrainTest, ReceiverIsDestroyedWhileTheStoreStillWorks) {
    start();
    auto busy = peer();
    journal_.hold(true);
    ASSERT_TRUE(busy.send(post("/graph/notifications", body_of(item_json()))));
    ASSERT_TRUE(journal_.wait_for_held(1));
    const auto port = receiver_->port();
    std::thread end([this] { receiver_.reset(); });
    EXPECT_THROW(for (;;)(void) HttpPeer::tcp(port), std::runtime_error);
    journal_.hold(false);
    end.join();
    EXPECT_EQ(journal_.items().size(), 1u);
}

TEST_F(DrainTest, ReloadTakesUpLimitsAndRefusesWhatDoesNotCheck) {
    start();
    auto options = options_;
    options.limits.body_bytes = 10;
    ASSERT_TRUE(receiver_->reload(options));
    EXPECT_TRUE(eventually([&] {
        return peer().ask(post("/graph/notifications", body_of(item_json())))->status == 413;
    }));
    options.trusted_proxies = {"nonsense"};
    EXPECT_FALSE(receiver_->reload(options));
}

}  // namespace
}  // namespace graphhook::receiver
