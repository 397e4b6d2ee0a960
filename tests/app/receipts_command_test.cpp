// What handlers' targets answered, as `deliveries` and `dead-letters` show it.

#include "tests/app/service_fixture.hpp"

#include <boost/json/parse.hpp>

namespace graphhook::app {
namespace {

using test::Program;
using ::testing::HasSubstr;
using ::testing::Not;

class ReceiptsCommandTest : public test::ServiceFixture {
  protected:
    ReceiptsCommandTest() { write_config(config_text()); }

    Program graphhook(const std::vector<std::string>& arguments) {
        return Program(dir.path().string(), arguments, {{"GRAPHHOOK_CONFIG", config_path}});
    }

    /// One delivery that its handler gave up, with that receipt.
    void give_up_one(const std::string& receipt) const {
        prometheus::Registry registry;
        store::Metrics metrics(registry);
        store::StoreOptions options;
        options.url = "sqlite:" + dir.file("store.db");
        options.reserve = 0;
        const auto store = store::open_store(options, real_clock(), metrics).value();
        ASSERT_TRUE(wait_for<std::monostate>([&](Completion<std::monostate> done) {
            store::Attachment attachment;
            attachment.handler = "audit";
            attachment.accepts = [](const store::Stream&) { return true; };
            attachment.on_work = [] {};
            store->attach(std::move(attachment), std::move(done));
        }));
        ASSERT_TRUE(wait_for<store::Appended>([&](Completion<store::Appended> done) {
            store::Item item;
            item.stream = std::make_shared<store::Stream>(
                store::Stream{store::Lane::Change, "contoso", "inbox", "message", "created"}
            );
            item.subscription_id = "s";
            item.resource = "users/x/messages/1";
            item.body = R"({"id":"1"})";
            std::vector<store::Item> items;
            items.push_back(std::move(item));
            store->append(std::move(items), real_clock().system_now(), std::move(done));
        }));
        using Leased = std::vector<store::Delivery>;
        const auto leased = wait_for<Leased>([&](Completion<Leased> done) {
            store::LeaseRequest request;
            request.handler = "audit";
            store->lease(std::move(request), std::move(done));
        });
        ASSERT_TRUE(leased);
        ASSERT_EQ(leased->size(), 1U);
        ASSERT_TRUE(wait_for<std::size_t>([&](Completion<std::size_t> done) {
            store::Settlement settlement;
            settlement.id = leased->front().id;
            settlement.attempt = leased->front().attempt;
            settlement.as = store::SettleAs::Dead;
            settlement.reason = "HTTP 400";
            settlement.receipt = receipt;
            store->settle("audit", {settlement}, std::move(done));
        }));
    }
};

TEST_F(ReceiptsCommandTest, AReceiptIsShownWithItsDelivery) {
    give_up_one(R"({"status":400,"requestId":"943d2ce0"})");
    std::string id;
    for (const auto* group : {"deliveries", "dead-letters"}) {
        auto list = graphhook({group, "list", "--output", "json"});
        ASSERT_EQ(list.wait(), 0) << list.err();
        const auto rows = boost::json::parse(list.out()).as_array();
        ASSERT_EQ(rows.size(), 1U);
        EXPECT_EQ(rows[0].at("receipt").at("requestId").as_string(), "943d2ce0");
        id = std::string(rows[0].at("id").as_string());
        auto show = graphhook({group, "show", id});
        ASSERT_EQ(show.wait(), 0) << show.err();
        EXPECT_THAT(show.out(), HasSubstr(R"({"status":400,"requestId":"943d2ce0"})"));
    }
    auto show = graphhook({"deliveries", "show", id, "--output", "json"});
    ASSERT_EQ(show.wait(), 0) << show.err();
    const auto shown = boost::json::parse(show.out());
    EXPECT_EQ(shown.at("deliveries").at(0).at("receipt").at("status").to_number<int>(), 400);
}

TEST_F(ReceiptsCommandTest, WithoutAReceiptNoneIsShown) {
    give_up_one("");
    auto list = graphhook({"deliveries", "list", "--output", "json"});
    ASSERT_EQ(list.wait(), 0) << list.err();
    const auto rows = boost::json::parse(list.out()).as_array();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_TRUE(rows[0].at("receipt").is_null());
    auto show = graphhook({"deliveries", "show", std::string(rows[0].at("id").as_string())});
    ASSERT_EQ(show.wait(), 0) << show.err();
    EXPECT_THAT(show.out(), Not(HasSubstr("RECEIPT")));
}

}  // namespace
}  // namespace graphhook::app
