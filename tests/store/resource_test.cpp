#include "store/resource.hpp"

#include <gtest/gtest.h>

namespace graphhook::store {
namespace {

TEST(ResourceTest, SpellingsOfOneResourceBecomeOne) {
    for (const char* spelling :
         {"users/x/messages/m", "Users/X/Messages/M", "/users/x/messages/m/",
          "Users('x')/Messages('m')", "users('X')/messages/M",
          "https://graph.microsoft.com/v1.0/users/x/messages/m",
          "HTTPS://graph.microsoft.com/beta/Users('x')/messages('m')", "v1.0/users/x/messages/m",
          "/beta/users/x/messages/m?$select=subject",
          "users/x/messages/m?$filter=a eq 'b?c'&$top=1", "users/x/messages/m?%24select=subject"})
        EXPECT_EQ(normalise_resource(spelling), "users/x/messages/m") << spelling;
}

TEST(ResourceTest, WhatTellsResourcesApartStays) {
    EXPECT_EQ(normalise_resource("chats/getAllMessages?model=B"), "chats/getallmessages?model=b");
    EXPECT_EQ(
        normalise_resource("communications/onlineMeetings(joinWebUrl='a%252Fb')/meetingCallEvents"),
        "communications/onlinemeetings(joinweburl='a%252fb')/meetingcallevents"
    );
    EXPECT_EQ(normalise_resource("beta-testers/1"), "beta-testers/1");
    EXPECT_EQ(normalise_resource("users('o''neil')/events"), "users/o'neil/events");
}

TEST(ResourceTest, QuotedIdCannotPretendToBeAPath) {
    EXPECT_NE(
        normalise_resource("users('a/messages/m')"), normalise_resource("users('a')/messages('m')")
    );
    EXPECT_EQ(normalise_resource("users('a')x/b"), "users('a')x/b");
    EXPECT_EQ(normalise_resource("users('a"), "users('a");
}

TEST(ResourceTest, CanonicalFormKeepsTheCaseOfIds) {
    EXPECT_EQ(
        canonical_resource("/v1.0/Users('AbC')/Messages('AAMk=')"), "Users/AbC/Messages/AAMk="
    );
    EXPECT_NE(canonical_resource("drives/b!A/root"), canonical_resource("drives/b!a/root"));
}

TEST(ResourceTest, NothingAtAllIsFine) {
    for (const char* text : {"", "/", "https://graph.microsoft.com", "v1.0", "?$select=a"})
        EXPECT_EQ(normalise_resource(text), "") << text;
}

}  // namespace
}  // namespace graphhook::store
