#include "app/api/kinds_page.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <string>

namespace graphhook::app {
namespace {

TEST(KindsPageTest, TheDocumentationHasTheTablesOfTheCatalog) {
    std::ifstream file(std::string(GRAPHHOOK_SOURCE_DIR) + "/docs/kinds.md");
    const std::string page{std::istreambuf_iterator<char>(file), {}};
    const auto tables = kinds_tables();
    const auto left = std::string(GRAPHHOOK_BINARY_DIR) + "/kinds.md";
    std::ofstream(left) << tables;
    const auto gap = tables.find("\n\n");
    EXPECT_NE(page.find(tables.substr(0, gap + 1)), std::string::npos) << "it is in " << left;
    EXPECT_NE(page.find(tables.substr(gap + 2)), std::string::npos) << "it is in " << left;
}

TEST(KindsPageTest, EveryKindIsThereWithAllThatScriptsAskFor) {
    const auto kinds = kinds_json();
    ASSERT_FALSE(kinds.empty());
    const auto& message = kinds[0].as_object();
    EXPECT_EQ(message.at("kind"), "message");
    EXPECT_EQ(message.at("longest_life_minutes"), 10'070);
    EXPECT_EQ(message.at("longest_rich_life_minutes"), 1'440);
    EXPECT_EQ(message.at("resync"), "full");
    EXPECT_EQ(message.at("lifecycle_events").as_array().size(), 3u);
    for (const auto& kind : kinds) EXPECT_FALSE(kind.at("resources").as_array().empty());
}

}  // namespace
}  // namespace graphhook::app
