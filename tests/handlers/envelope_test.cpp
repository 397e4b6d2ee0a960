#include "handlers/envelope.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace graphhook::handlers {
namespace {

namespace json = boost::json;

Delivery example() {
    Delivery delivery;
    delivery.id = "4711";
    delivery.attempt = 2;
    delivery.subscription = "support-inbox";
    delivery.tenant = "contoso";
    delivery.kind = "message";
    delivery.change = "created";
    delivery.resource = "users/1/messages/2";
    delivery.received_at = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) +
                           std::chrono::hours(8) + std::chrono::microseconds(1'500);
    delivery.item = R"({"changeType":"created"})";
    return delivery;
}

TEST(EnvelopeTest, IsOneObjectWithItsMembersInOrder) {
    std::string line;
    append_envelope(line, example());
    EXPECT_EQ(
        line,
        R"({"id":"4711","attempt":2,"replayed":false,"lifecycle":false,"source":"notification",)"
        R"("subscription":"support-inbox",)"
        R"("tenant":"contoso","kind":"message","change":"created","resource":"users/1/messages/2",)"
        R"("received_at":"2026-11-21T08:00:00.001500Z","item":{"changeType":"created"}})"
    );
    EXPECT_TRUE(line.starts_with(kEnvelopeBegins));
}

TEST(EnvelopeTest, StaysOneLineWhateverIsInIt) {
    auto delivery = example();
    delivery.resource = "a\"b\\c\nd\te\x01 é";
    delivery.item = "{\r\n  \"text\": \"two\\nlines\"\n}";
    delivery.replayed = delivery.lifecycle = true;
    std::string line;
    append_envelope(line, delivery);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto read = json::parse(line).as_object();
    EXPECT_EQ(read.at("resource").as_string(), delivery.resource);
    EXPECT_EQ(read.at("item").at("text").as_string(), "two\nlines");
    EXPECT_TRUE(read.at("replayed").as_bool());
    EXPECT_TRUE(read.at("lifecycle").as_bool());
}

TEST(EnvelopeTest, SaysHowWeLearnedOfIt) {
    auto delivery = example();
    delivery.source = "sweep";
    std::string line;
    append_envelope(line, delivery);
    EXPECT_EQ(json::parse(line).at("source").as_string(), "sweep");
}

TEST(EnvelopeTest, DataIsThereOnlyForThoseWhoWantItAndNullWhereTheItemBroughtNone) {
    auto delivery = example();
    delivery.data = "{\n\"subject\":\"two\\nlines\"}";
    std::string line;
    append_envelope(line, delivery);
    EXPECT_EQ(line.find("subject"), std::string::npos);
    EXPECT_FALSE(json::parse(line).as_object().contains("data"));
    line.clear();
    append_envelope(line, delivery, true);
    EXPECT_TRUE(
        line.ends_with(R"("item":{"changeType":"created"},"data":{ "subject":"two\nlines"}})")
    ) << line;
    delivery.data.clear();
    line.clear();
    append_envelope(line, delivery, true);
    EXPECT_TRUE(json::parse(line).at("data").is_null());
}

TEST(EnvelopeTest, NoItemIsNull) {
    auto delivery = example();
    delivery.item.clear();
    std::string line;
    append_envelope(line, delivery);
    EXPECT_TRUE(json::parse(line).at("item").is_null());
}

}  // namespace
}  // namespace graphhook::handlers
