#include "app/cli/output.hpp"

#include <boost/json/object.hpp>
#include <gmock/gmock.h>

namespace graphhook::app {
namespace {

namespace json = boost::json;

TEST(OutputTest, ColumnsAreAsWideAsWhatIsInThem) {
    const json::array rows{
        json::object{{"id", "1"}, {"state", "waiting"}, {"next", nullptr}},
        json::object{{"id", "1041"}, {"state", "dead"}, {"next", "soon"}},
    };
    EXPECT_EQ(
        table_text({{"ID", "id"}, {"STATE", "state"}, {"NEXT", "next"}}, rows, false),
        "ID    STATE    NEXT\n1     waiting  -\n1041  dead     soon\n"
    );
}

TEST(OutputTest, WhatCameFromOutsideCanNotSteerTheTerminal) {
    const json::array rows{json::object{{"reason", "\x1b[31mred\nline"}}};
    EXPECT_EQ(table_text({{"R", "reason"}}, rows, false), "R\n\\x1b[31mred\\x0aline\n");
}

TEST(OutputTest, TitlesAreBoldWhereThatIsWanted) {
    EXPECT_EQ(table_text({{"A", "a"}}, {}, true), "\x1b[1mA\x1b[0m\n");
}

TEST(OutputTest, AnObjectIsALineForEachMember) {
    EXPECT_EQ(
        object_text({{"id", 7}, {"resource", "users/x"}, {"paused", false}}),
        "id        7\nresource  users/x\npaused    no\n"
    );
}

}  // namespace
}  // namespace graphhook::app
