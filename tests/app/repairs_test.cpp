#include "app/api/repairs.hpp"

#include "core/time_text.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

namespace graphhook::app {
namespace {

const SystemTime kNow = parse_time("2026-11-21T12:00:00Z").value();

Result<store::Selection> selection(const char* body, bool handler_needed = false) {
    return parse_selection(boost::json::parse(body), kNow, handler_needed);
}

TEST(RepairsTest, ASelectionIsByNumbersByTimeOrAll) {
    const auto ids = selection(R"({"ids": ["7", 8], "handler": "a"})");
    ASSERT_TRUE(ids);
    EXPECT_THAT(
        ids->ids, ::testing::ElementsAre(store::NotificationId{7}, store::NotificationId{8})
    );
    EXPECT_EQ(ids->handler, "a");
    const auto time = selection(R"({"since": "2h", "until": "2026-11-21T11:00:00Z"})");
    ASSERT_TRUE(time);
    EXPECT_EQ(to_text(*time->since), "2026-11-21T10:00:00Z");
    EXPECT_EQ(to_text(*time->until), "2026-11-21T11:00:00Z");
    EXPECT_TRUE(selection(R"({"all": true})"));
}

TEST(RepairsTest, AnythingLessOrMoreIsRefused) {
    for (const auto* body :
         {"[]", "{}", R"({"all": false})", R"({"ids": []})", R"({"ids": [-1]})",
          R"({"ids": ["x"]})", R"({"ids": [1.5]})", R"({"ids": 3})", R"({"since": 3})",
          R"({"since": "yesterday"})", R"({"ids": [1], "all": true})",
          R"({"ids": [1], "since": "1h"})", R"({"all": 1})", R"({"handler": 1, "all": true})",
          R"({"all": true, "colour": "red"})"}) {
        const auto refused = selection(body);
        ASSERT_FALSE(refused) << body;
        EXPECT_EQ(refused.error().code, Errc::BadInput) << body;
    }
    EXPECT_FALSE(selection(R"({"all": true})", true));
}

TEST(RepairsTest, TheNumberOfAllowedRemovalsIsBounded) {
    const auto allow = [](const char* body) {
        return parse_allow_delete(boost::json::parse(body));
    };
    EXPECT_EQ(allow("{}").value(), 0U);
    EXPECT_EQ(allow(R"({"allow_delete": 40})").value(), 40U);
    EXPECT_FALSE(allow(R"({"allow_delete": -1})"));
    EXPECT_FALSE(allow(R"({"allow_delete": "40"})"));
    EXPECT_FALSE(allow(R"({"allow": 1})"));
    EXPECT_FALSE(allow("3"));
}

}  // namespace
}  // namespace graphhook::app
