#include "receiver/payload.hpp"

#include <gtest/gtest.h>

#include <string>

namespace graphhook::receiver {
namespace {

class PayloadTest : public testing::Test {
  protected:
    /// The only item of a body.
    PayloadItem& item(const std::string& json) {
        EXPECT_EQ(parser_.parse(R"({"value":[)" + json + "]}"), PayloadFault::None) << json;
        EXPECT_EQ(parser_.items().size(), 1u) << json;
        return parser_.items()[0];
    }
    PayloadParser parser_{10, 32};
};

TEST_F(PayloadTest, FieldsAreTakenOut) {
    const auto& got = item(
        R"({"id":"n1","subscriptionId":"s1","subscriptionExpirationDateTime":"2026-11-28T09:00:00Z",)"
        R"("clientState":"secret","changeType":"created","resource":"Users/a","tenantId":"t",)"
        R"("organizationId":"o","resourceData":{"@odata.type":"#M","@odata.etag":"W/\"x\"","id":"d1",)"
        R"("eventTime":"2026-11-21T08:00:00Z","sequenceNumber":639308448001234567}})"
    );
    EXPECT_TRUE(got.is_object);
    EXPECT_EQ(got.id, "n1");
    EXPECT_EQ(got.subscription_id, "s1");
    EXPECT_EQ(got.change, "created");
    EXPECT_EQ(got.resource, "Users/a");
    EXPECT_EQ(got.tenant_id, "t");
    EXPECT_EQ(got.organization_id, "o");
    EXPECT_EQ(got.expires_at, "2026-11-28T09:00:00Z");
    EXPECT_EQ(got.data_id, "d1");
    EXPECT_EQ(got.etag, "W/\"x\"");
    EXPECT_EQ(got.event_time, "2026-11-21T08:00:00Z");
    EXPECT_EQ(got.sequence, "639308448001234567");
    EXPECT_TRUE(got.has_state);
    EXPECT_EQ(got.state_hash, sha256("secret"));
    EXPECT_FALSE(got.says_nothing);
}

TEST_F(PayloadTest, ClientStateIsStrippedInAnyCaseOfLettersAndAnyPlace) {
    EXPECT_EQ(item(R"({"clientState":"s","a":1})").body, R"({"a":1})");
    EXPECT_EQ(item(R"({"a":1,"CLIENTSTATE":"s"})").body, R"({"a":1})");
    EXPECT_EQ(item(R"({"a":1,"ClientState":"s","b":2})").body, R"({"a":1,"b":2})");
    EXPECT_EQ(item(R"({"clientState":"s"})").body, "{}");
    EXPECT_EQ(
        item(R"({"a":1,"clientState":{"x":["s",{"y":"s"}]},"b":[2]})").body, R"({"a":1,"b":[2]})"
    );
    EXPECT_EQ(item(R"({"client\u0053tate":"s","a":1})").body, R"({"a":1})");
    EXPECT_EQ(item(R"({"clientState":null,"a":1})").body, R"({"a":1})");
}

TEST_F(PayloadTest, EscapedClientStateIsTheSameClientState) {
    EXPECT_EQ(item(R"({"clientState":"s\u0065cret"})").state_hash, sha256("secret"));
}

TEST_F(PayloadTest, ItemIsWrittenAsItCame) {
    const std::string json =
        R"({"n":12345678901234567890123,"d":1.50,"e":1e5,"m":-0,"t":true,"f":false,"z":null,)"
        R"("s":"a\"b\\c\n\u0001é😀","o":{"a":[[],{},[1,2,{"k":"v"}]]},"n":2})";
    EXPECT_EQ(item(json).body, json);
}

TEST_F(PayloadTest, SequenceNumberAboveTwoToTheFiftyThreeStaysExact) {
    const auto& got =
        item(R"({"subscriptionId":"s","resourceData":{"sequenceNumber":636784480202455823}})");
    EXPECT_EQ(got.sequence, "636784480202455823");
    EXPECT_NE(got.body.find("636784480202455823"), std::string::npos);
    EXPECT_EQ(item(R"({"resourceData":{"sequenceNumber":"12"}})").sequence, "12");
}

TEST_F(PayloadTest, PropertyNamesAreMatchedInAnyCaseOfLetters) {
    EXPECT_EQ(
        parser_.parse(R"({"Value":[{"SubscriptionId":"s","Id":"n","ResourceData":{"Id":"d"}}]})"),
        PayloadFault::None
    );
    const auto& got = parser_.items()[0];
    EXPECT_EQ(got.subscription_id, "s");
    EXPECT_EQ(got.id, "n");
    EXPECT_EQ(got.data_id, "d");
}

TEST_F(PayloadTest, NamesDeeperDownMeanNothing) {
    const auto& got = item(
        R"({"x":{"subscriptionId":"s","clientState":"c","id":"n"},"resourceData":{"y":{"id":"d"}}})"
    );
    EXPECT_EQ(got.subscription_id, "");
    EXPECT_EQ(got.id, "");
    EXPECT_EQ(got.data_id, "");
    EXPECT_FALSE(got.has_state);
}

TEST_F(PayloadTest, WhatSaysNothingOfItsOwn) {
    EXPECT_TRUE(item(R"({"a":1})").says_nothing);
    EXPECT_TRUE(item(R"({"resourceData":null})").says_nothing);
    EXPECT_TRUE(item(R"({"resourceData":{}})").says_nothing);
    EXPECT_TRUE(
        item(R"({"resourceData":{"@odata.type":"#Microsoft.Graph.DriveItem"}})").says_nothing
    );
    EXPECT_FALSE(item(R"({"resourceData":{"@odata.type":"#x","id":"1"}})").says_nothing);
    EXPECT_FALSE(item(R"({"resourceData":{"other":null}})").says_nothing);
    EXPECT_FALSE(item(R"({"resourceData":"text"})").says_nothing);
    EXPECT_FALSE(item(R"({"resourceData":[]})").says_nothing);
    EXPECT_FALSE(item(R"({"encryptedContent":{"data":"x"}})").says_nothing);
    EXPECT_FALSE(item(R"({"additionalPayloadStorageId":"x"})").says_nothing);
}

TEST_F(PayloadTest, MembersThatIntakeDoesNotKnowAreKeptApart) {
    EXPECT_EQ(
        item(R"({"siteUrl":"u","id":"n","webId":{"a":1}})").others,
        R"("siteUrl":"u","webId":{"a":1})"
    );
}

TEST_F(PayloadTest, MemberThatDecidesTwiceIsAmbiguous) {
    EXPECT_TRUE(item(R"({"clientState":"a","clientState":"b"})").ambiguous);
    EXPECT_TRUE(item(R"({"clientState":null,"ClientState":"b"})").ambiguous);
    EXPECT_TRUE(item(R"({"subscriptionId":"a","SubscriptionID":"b"})").ambiguous);
    EXPECT_FALSE(item(R"({"x":1,"x":2,"clientState":"a"})").ambiguous);
}

TEST_F(PayloadTest, ElementThatIsNoObjectDoesNotCostItsNeighbours) {
    ASSERT_EQ(
        parser_.parse(R"({"value":[1,"x",null,[{"id":"no"}],{"id":"yes"},true]})"),
        PayloadFault::None
    );
    ASSERT_EQ(parser_.items().size(), 6u);
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(parser_.items()[i].is_object, i == 4) << i;
    EXPECT_EQ(parser_.items()[4].id, "yes");
    EXPECT_EQ(parser_.items()[4].body, R"({"id":"yes"})");
}

TEST_F(PayloadTest, OtherMembersOfTheEnvelopeAreIgnored) {
    ASSERT_EQ(
        parser_.parse(R"({"@odata.context":"x","o":{"value":[{"id":"no"}]},"a":[[1],{"value":2}],)"
                      R"("value":[{"id":"yes"}],"validationTokens":["t"],"n":null})"),
        PayloadFault::None
    );
    ASSERT_EQ(parser_.items().size(), 1u);
    EXPECT_EQ(parser_.items()[0].id, "yes");
}

TEST_F(PayloadTest, NothingOfOneBodyIsLeftInTheNext) {
    item(R"({"id":"n","subscriptionId":"s","clientState":"c","encryptedContent":{},"siteUrl":"u"})"
    );
    const auto& got = item("{}");
    EXPECT_EQ(got.id + got.subscription_id + got.others, "");
    EXPECT_FALSE(got.has_state);
    EXPECT_TRUE(got.says_nothing);
    EXPECT_EQ(got.body, "{}");
}

TEST_F(PayloadTest, ItemIsRichWhereEncryptedContentIsThereWhateverItIs) {
    for (const char* rich :
         {R"({"encryptedContent":{"data":"QQ=="}})", R"({"ENCRYPTEDCONTENT":{}})",
          R"({"EncryptedContent":"x"})", R"({"encryptedContent":1})", R"({"encryptedContent":[]})",
          R"({"encryptedContent":false})", R"({"encrypted\u0043ontent":{}})",
          R"({"encryptedContent":null,"encryptedContent":{}})",
          R"({"encryptedContent":{},"encryptedContent":null})"})
        EXPECT_TRUE(item(rich).rich) << rich;
    for (const char* basic :
         {"{}", R"({"encryptedContent":null})", R"({"resourceData":{"encryptedContent":{}}})",
          R"({"clientState":{"encryptedContent":{}}})", R"({"encryptedContents":{}})"})
        EXPECT_FALSE(item(basic).rich) << basic;
    EXPECT_EQ(
        item(R"({"a":1,"encryptedContent":{"data":"QQ=="},"b":2})").body,
        R"({"a":1,"encryptedContent":{"data":"QQ=="},"b":2})"
    ) << "it is stored as it came";
}

TEST_F(PayloadTest, HashOfTheContentIsThatOfItsTextWhereverItStands) {
    const auto hash = item(R"({"a":1,"encryptedContent":{"data":"QQ==","n":1.0}})").content_hash;
    EXPECT_EQ(hash, sha256(R"({"data":"QQ==","n":1.0})"));
    EXPECT_EQ(
        item(R"({"EncryptedContent": {"data" : "QQ==", "n":1.0} , "b":[2]})").content_hash, hash
    );
    EXPECT_NE(item(R"({"encryptedContent":{"data":"QQ==","n":1.00}})").content_hash, hash);
    EXPECT_EQ(item(R"({"encryptedContent":"x"})").content_hash, sha256("\"x\""));
}

TEST_F(PayloadTest, ValidationTokensAreKeptAsTheyAreWhateverTheyAre) {
    const auto tokens = [this](const std::string& root) {
        EXPECT_EQ(parser_.parse(root), PayloadFault::None) << root;
        return parser_.take_tokens();
    };
    EXPECT_EQ(
        tokens(R"({"value":[{}],"validationTokens":["a.b.c", "d.e.f"]})"), R"(["a.b.c","d.e.f"])"
    );
    EXPECT_EQ(tokens(R"({"validationTokens":["a.b.c"],"value":[{"a":[1]},{}]})"), R"(["a.b.c"])");
    EXPECT_EQ(tokens(R"({"VALIDATIONTOKENS":[],"value":[]})"), "[]");
    EXPECT_EQ(tokens(R"({"value":[{}],"validationTokens":null})"), "null");
    EXPECT_EQ(tokens(R"({"value":[{}],"validationTokens":[null,"a"]})"), R"([null,"a"])");
    EXPECT_EQ(tokens(R"({"value":[],"validationTokens":"a.b.c"})"), R"("a.b.c")");
    EXPECT_EQ(
        tokens(R"({"validationTokens":12345678901234567890123,"value":[]})"),
        "12345678901234567890123"
    );
    EXPECT_EQ(
        tokens(R"({"validationTokens":{"value":[{"x":true}],"validationTokens":[1]},"value":[1]})"),
        R"({"value":[{"x":true}],"validationTokens":[1]})"
    );
    EXPECT_EQ(tokens(R"({"value":[{"validationTokens":["x"]}]})"), "") << "only the envelope's";
    EXPECT_EQ(tokens(R"({"other":{"validationTokens":["x"]},"value":[]})"), "");
    EXPECT_EQ(tokens(R"({"value":[{}]})"), "");
    EXPECT_EQ(parser_.items().size(), 1u);
    EXPECT_EQ(parser_.items()[0].body, "{}");
}

TEST_F(PayloadTest, ValidationTokensThatStandThereTwiceCanNeverBeGenuine) {
    for (const char* body :
         {R"({"validationTokens":["a.b.c"],"value":[{}],"validationTokens":["a.b.c"]})",
          R"({"value":[{}],"ValidationTokens":null,"validationTokens":["a.b.c"]})",
          R"({"validationTokens":["a"],"validationTokens":{"b":[]},"validationTokens":1,"value":[{}]})"
         }) {
        EXPECT_EQ(parser_.parse(body), PayloadFault::None) << "basic neighbours are taken";
        EXPECT_EQ(parser_.take_tokens(), kTokensTwice);
        EXPECT_EQ(parser_.items().size(), 1u);
    }
    EXPECT_EQ(kTokensTwice.front(), '{') << "no array of tokens, and not null";
    EXPECT_EQ(parser_.parse(R"({"validationTokens":["a"],"value":[]})"), PayloadFault::None);
    EXPECT_EQ(parser_.take_tokens(), R"(["a"])") << "nothing stays from the last body";
}

TEST_F(PayloadTest, NothingOfABodyThatBrokeOffStays) {
    for (const char* broken :
         {R"({"value":[{"clientState":{"a":)", R"({"validationTokens":["x",)",
          R"({"value":[{"encryptedContent":{"data":)",
          R"({"value":[{"id":"n1","resourceData":{)"}) {
        EXPECT_EQ(parser_.parse(broken), PayloadFault::NotJson);
        EXPECT_EQ(
            parser_.parse(R"({"validationTokens":["a","b"],"value":[{"x":1}]})"), PayloadFault::None
        );
        EXPECT_EQ(parser_.take_tokens(), R"(["a","b"])") << broken;
        EXPECT_EQ(parser_.items()[0].body, R"({"x":1})") << broken;
        EXPECT_FALSE(parser_.items()[0].rich) << broken;
    }
}

TEST_F(PayloadTest, BodyThatIsNotJsonIsRefused) {
    for (const char* body :
         {"", " ", "x", "{", R"({"value":[{]})", R"({"value":[]} x)", R"({"value":[],})",
          R"({'value':[]})", "{\"value\":[{\"id\":\"\xff\"}]}",
          "{\"value\":[{\"id\":\"\xed\xa0\x80\"}]}", R"({"value":[{"id":"\ud800"}]})",
          R"({"value":[01]})", R"({"value":[{"id":"a)"})
        EXPECT_EQ(parser_.parse(body), PayloadFault::NotJson) << body;
}

TEST_F(PayloadTest, JsonOfAnotherShapeIsRefused) {
    for (const char* body :
         {"[]", "1", "null", R"("x")", "{}", R"({"value":{}})", R"({"value":null})",
          R"({"value":"x"})", R"({"values":[]})", R"({"value":[],"value":[]})",
          R"({"o":{"value":[]}})"})
        EXPECT_EQ(parser_.parse(body), PayloadFault::WrongShape) << body;
    EXPECT_EQ(parser_.parse(R"({"value":[]})"), PayloadFault::None);
    EXPECT_EQ(parser_.parse(" \r\n{\"value\":[]}\n "), PayloadFault::None);
    EXPECT_EQ(parser_.parse("\xef\xbb\xbf{\"value\":[]}"), PayloadFault::None);
}

TEST_F(PayloadTest, NestingAndItemsAreLimited) {
    const auto nested = [](std::size_t depth) {
        return R"({"value":[{"x":)" + std::string(depth, '[') + std::string(depth, ']') + "}]}";
    };
    EXPECT_EQ(parser_.parse(nested(29)), PayloadFault::None);
    EXPECT_EQ(parser_.parse(nested(30)), PayloadFault::NotJson);
    EXPECT_EQ(parser_.parse(nested(200'000)), PayloadFault::NotJson);
    std::string items = "{}";
    for (int i = 1; i < 10; ++i) items += ",{}";
    EXPECT_EQ(parser_.parse(R"({"value":[)" + items + "]}"), PayloadFault::None);
    EXPECT_EQ(parser_.parse(R"({"value":[)" + items + ",0]}"), PayloadFault::TooManyItems);
}

}  // namespace
}  // namespace graphhook::receiver
