#include "handlers/builtin/log_handler.hpp"
#include "handlers/factory.hpp"
#include "handlers/metrics.hpp"
#include "tests/handlers/fake_clock.hpp"
#include "tests/handlers/fake_notification_world.hpp"
#include "tests/support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <spdlog/sinks/ostream_sink.h>

#include <filesystem>
#include <sstream>

namespace graphhook::handlers {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LogHandlerTest : public ::testing::Test {
  protected:
    std::string lines(LogOptions options) {
        std::ostringstream text;
        spdlog::logger logger("test", std::make_shared<spdlog::sinks::ostream_sink_st>(text));
        logger.set_pattern("%v");
        LogHandler handler(options, logger);
        std::vector<Delivery> batch(2);
        batch[0].id = "7";
        batch[0].subscription = "support-inbox";
        batch[0].resource = "users/1/messages/\n2";
        batch[0].item = R"({"subject":"hello"})";
        batch[0].data = "content that has no business in a log";
        batch[1].id = "8";
        batch[1].lifecycle = batch[1].replayed = true;
        batch[1].source = "sweep";
        const auto outcomes = handler.handle(batch, {});
        EXPECT_EQ(outcomes.size(), 2U);
        EXPECT_EQ(outcomes[1].kind, Outcome::Kind::Done);
        return text.str();
    }
};

TEST_F(LogHandlerTest, OneLineForEachDeliveryAndTheItemOnlyWhenAskedFor) {
    const auto text = lines({});
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
    EXPECT_THAT(
        text, HasSubstr("delivery id=7 attempt=1 source=notification subscription=support-inbox")
    );
    EXPECT_THAT(
        text, HasSubstr("delivery id=8 attempt=1 replayed=true lifecycle=true source=sweep")
    );
    EXPECT_THAT(text, HasSubstr(R"(resource=users/1/messages/\x0a2)"));
    EXPECT_THAT(text, Not(HasSubstr("hello")));
    EXPECT_THAT(lines({.item = true}), HasSubstr(R"(item={"subject":"hello"})"));
    EXPECT_THAT(lines({.item = true}), Not(HasSubstr("content")));
}

TEST(FactoryTest, MakesEachBuiltInHandler) {
    FakeClock clock;
    const test::TempDir dir;
    HandlerOptions options;
    options.name = "any";
    FakeNotificationWorld world;
    UserNotificationOptions push;
    push.target_host_name = "notify.example.com";
    push.title = "{kind}";
    const std::vector<decltype(HandlerOptions::type)> types = {
        LogOptions{},
        FileOptions{.path = dir.file("not-there-yet/a.jsonl")},
        HttpOptions{.url = "https://tickets.internal/graph", .batch = 50},
        push,
    };
    for (const auto& type : types) {
        options.type = type;
        const auto made = make_handler(options, clock, &world);
        ASSERT_TRUE(made.has_value());
        EXPECT_GE(made->handler->batch_limit(), 1U);
        EXPECT_GT(made->time_limit, std::chrono::seconds(20)) << "longer than what it waits for";
    }
    EXPECT_TRUE(std::filesystem::is_empty(dir.path())) << "making it touches no disk";
}

TEST(FactoryTest, FileAndHttpTakeTheDecryptedResourceAndALogNever) {
    FakeClock clock;
    const test::TempDir dir;
    HandlerOptions options;
    for (const bool wanted : {false, true}) {
        options.resource_data = wanted;
        options.type = FileOptions{.path = dir.file("a.jsonl")};
        EXPECT_EQ(make_handler(options, clock)->handler->wants_data(), wanted);
        options.type = HttpOptions{.url = "https://tickets.internal/graph"};
        EXPECT_EQ(make_handler(options, clock)->handler->wants_data(), wanted);
        options.type = LogOptions{};
        EXPECT_EQ(make_handler(options, clock).has_value(), !wanted);
    }
    options.resource_data = false;
    EXPECT_FALSE(make_handler(options, clock)->handler->wants_data());
}

TEST(FactoryTest, RefusesWhatCanNotWork) {
    FakeClock clock;
    HandlerOptions options;
    options.type = FileOptions{};
    EXPECT_EQ(make_handler(options, clock).error().code, Errc::BadInput);
    options.type = HttpOptions{};
    EXPECT_EQ(make_handler(options, clock).error().code, Errc::BadInput);
}

TEST(MetricsTest, CountsWhatBecameOfDeliveriesAndHowLongTheyTook) {
    prometheus::Registry registry;
    Metrics metrics(registry);
    auto series = metrics.of("audit");
    series.settled({3, 1, 0, 2, 0, 6, 5});
    series.unproved("key_unknown");
    series.disproved("token_audience");
    series.refused(4);
    series.handled_in(std::chrono::milliseconds(3));
    const std::chrono::microseconds lags[] = {
        std::chrono::microseconds(-5), std::chrono::milliseconds(2), std::chrono::hours(200)
    };
    series.lags(lags);
    series.circuit_open(true);
    const auto text = prometheus::TextSerializer().Serialize(registry.Collect());
    for (const auto* line : {
             R"(graphhook_deliveries_total{handler="audit",outcome="done"} 3)",
             R"(graphhook_deliveries_total{handler="audit",outcome="retry_item"} 1)",
             R"(graphhook_deliveries_total{handler="audit",outcome="retry_target"} 0)",
             R"(graphhook_deliveries_total{handler="audit",outcome="dead"} 2)",
             R"(graphhook_deliveries_total{handler="audit",outcome="released"} 0)",
             R"(graphhook_deliveries_total{handler="audit",outcome="waits"} 6)",
             R"(graphhook_deliveries_total{handler="audit",outcome="quarantined"} 5)",
             R"(graphhook_items_unproved_total{reason="key_unknown"} 1)",
             R"(graphhook_items_disproved_total{reason="token_audience"} 1)",
             R"(graphhook_deliveries_total{handler="audit",outcome="refused"} 4)",
             R"(graphhook_delivery_duration_seconds_bucket{handler="audit",le="0.005"} 1)",
             R"(graphhook_delivery_lag_seconds_bucket{handler="audit",le="0.001"} 1)",
             R"(graphhook_delivery_lag_seconds_bucket{handler="audit",le="0.0025"} 2)",
             R"(graphhook_delivery_lag_seconds_bucket{handler="audit",le="259200"} 2)",
             R"(graphhook_delivery_lag_seconds_count{handler="audit"} 3)",
             R"(graphhook_handler_circuit_open{handler="audit"} 1)",
         }) {
        EXPECT_THAT(text, HasSubstr(line));
    }
}

}  // namespace
}  // namespace graphhook::handlers
