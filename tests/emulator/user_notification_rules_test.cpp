// What a POST of a user notification is judged by (protocol 10.4 to 10.6), without sockets.
#include "emulator/user_notifications/content_coding.hpp"
#include "emulator/user_notifications/evaluation.hpp"
#include "tests/emulator/drafts.hpp"
#include "tests/emulator/packed.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::emulator {
namespace {

using boost::json::object;
using boost::json::value;
using std::chrono::hours;
using std::chrono::seconds;
using test::packed;
using test::Packing;
using test::some_time;
using test::somebody;
using test::someone;
using testing::HasSubstr;

object good() {
    return boost::json::parse(
               R"({"targetHostName":"notify.example.com","appNotificationId":"order-4711",
                   "expirationDateTime":"2026-12-20T23:59:00.000Z",
                   "payload":{"visualContent":{"title":"Order shipped","body":"Tomorrow."}},
                   "targetPolicy":{"platformTypes":["windows","iOS","ANDROID"]},
                   "priority":"High","groupName":"orders","displayTimeToLive":"60"})"
    )
        .as_object();
}

/// The good one with one member set; a path as "payload/rawContent".
object with(std::string_view path, value wanted, object json = good()) {
    object* inside = &json;
    for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/')) {
        inside = &(*inside)[path.substr(0, slash)].as_object();
        path = path.substr(slash + 1);
    }
    (*inside)[path] = std::move(wanted);
    return json;
}
value text(std::string_view of) {
    return value(of);
}
object without(const std::string& name, object json = good()) {
    json.erase(name);
    return json;
}

/// "201", or "400 what was said".
std::string verdict(const value& body, const PostRules& rules = {}) {
    const auto read = read_posted(body, rules, some_time());
    if (read) return "201";
    return std::to_string(read.error().status) + " " + read.error().message;
}

object raw_with_fallback() {
    return boost::json::parse(
               R"({"targetHostName":"h","payload":{"rawContent":"r"},
                   "targetPolicy":{"platformTypes":["ios"]},
                   "fallbackPolicy":{"endpointFallback":{"platformTypes":["iOS"],
                   "fallbackDelayInSeconds":60,"visualContent":{"title":"t","body":"b"}}}})"
    )
        .as_object();
}

TEST(PostedNotificationTest, EverythingThatIsSaidIsRead) {
    const auto read = read_posted(good(), {}, some_time()).value();
    EXPECT_EQ(read.host, "notify.example.com");
    EXPECT_EQ(read.app_id, "order-4711");
    EXPECT_EQ(read.group, "orders");
    EXPECT_EQ(read.display_for, 60);
    EXPECT_EQ(read.visual->title, "Order shipped");
    EXPECT_FALSE(read.raw);
    EXPECT_TRUE(read.is_for(Platform::Ios));
    EXPECT_FALSE(read.is_for(Platform::WebPush));
    EXPECT_TRUE(read_posted(without("targetPolicy"), {}, some_time())->is_for(Platform::WebPush));
}

TEST(PostedNotificationTest, UnknownAndMissingMembersBreakTheContract) {
    for (const auto* pointer :
         {"colour", "id", "payload/sound", "payload/visualContent/icon", "targetPolicy/users"}) {
        EXPECT_THAT(verdict(with(pointer, 1)), HasSubstr("not known")) << pointer;
    }
    EXPECT_THAT(verdict(without("targetHostName")), HasSubstr("targetHostName is required"));
    EXPECT_THAT(verdict(with("targetHostName", nullptr)), HasSubstr("targetHostName is required"));
    EXPECT_THAT(verdict(without("payload")), HasSubstr("payload is required"));
    EXPECT_EQ(verdict(with("@odata.type", "#x")), "201");
    EXPECT_EQ(verdict(with("groupName", nullptr)), "201");
}

TEST(PostedNotificationTest, ValuesOutOfRangeBreakTheContract) {
    for (const auto* host :
         {"https://notify.example.com", "", "a/b", "a b", "notify.example.com:443"})
        EXPECT_THAT(verdict(with("targetHostName", host)), HasSubstr("400 ")) << host;
    EXPECT_THAT(verdict(with("priority", "Urgent")), HasSubstr("None, High or Low"));
    EXPECT_THAT(verdict(with("displayTimeToLive", -1)), HasSubstr("negative"));
    EXPECT_THAT(
        verdict(with("targetPolicy/platformTypes", boost::json::array{"symbian"})),
        HasSubstr("platform that is not known")
    );
}

TEST(PostedNotificationTest, ItLivesThirtyDaysAtMost) {
    const auto at = [](SystemTime time) {
        return verdict(with("expirationDateTime", text(to_text(time))));
    };
    EXPECT_THAT(at(some_time()), HasSubstr("400 "));
    EXPECT_EQ(at(some_time() + seconds(1)), "201");
    EXPECT_EQ(at(some_time() + hours(30 * 24)), "201");
    EXPECT_THAT(at(some_time() + hours(30 * 24) + seconds(1)), HasSubstr("30 days"));
}

TEST(PostedNotificationTest, APayloadNeedsContentThatIsNotTooLong) {
    EXPECT_THAT(verdict(with("payload", object{})), HasSubstr("400 The payload is invalid"));
    EXPECT_THAT(
        verdict(with("payload", object{{"rawContent", ""}})), HasSubstr("payload is invalid")
    );
    EXPECT_THAT(
        verdict(with("payload/visualContent", object{{"body", "b"}})),
        HasSubstr("title is required")
    );
    const std::string most(4'096, 'x');
    EXPECT_EQ(verdict(with("payload/rawContent", text(most))), "201");
    for (const auto* pointer :
         {"payload/rawContent", "payload/visualContent/title", "payload/visualContent/body"})
        EXPECT_THAT(verdict(with(pointer, text(most + "x"))), HasSubstr("4096 bytes")) << pointer;
    EXPECT_EQ(
        verdict(with("payload/rawContent", text(most + "x")), {.most_content_bytes = 5'000}), "201"
    );
}

TEST(PostedNotificationTest, WrongTypesOfKnownMembersAreA401) {
    for (const auto* pointer :
         {"targetHostName", "appNotificationId", "groupName", "expirationDateTime", "priority",
          "payload", "payload/rawContent", "payload/visualContent", "payload/visualContent/title",
          "payload/visualContent/body", "targetPolicy", "targetPolicy/platformTypes",
          "fallbackPolicy"}) {
        EXPECT_THAT(verdict(with(pointer, 7)), HasSubstr("401 ")) << pointer;
    }
    EXPECT_THAT(verdict(with("expirationDateTime", "tomorrow")), HasSubstr("401 "));
    for (const value& wrong : {value("soon"), value("60.5"), value(60.5), value(true), value("")})
        EXPECT_THAT(verdict(with("displayTimeToLive", wrong)), HasSubstr("401 "));
    EXPECT_THAT(verdict(with("displayTimeToLive", 3'000'000'000)), HasSubstr("401 "));
    EXPECT_EQ(verdict(with("displayTimeToLive", 60)), "201");
}

TEST(PostedNotificationTest, AFallbackIsForRawContentOnIos) {
    EXPECT_EQ(verdict(raw_with_fallback()), "201");
    const auto broken = [](const std::string& pointer, value wanted) {
        return verdict(with(pointer, std::move(wanted), raw_with_fallback()));
    };
    const std::string inside = "fallbackPolicy/endpointFallback/";
    EXPECT_THAT(
        broken("targetPolicy/platformTypes", boost::json::array{"windows"}), HasSubstr("400 ")
    );
    EXPECT_THAT(verdict(without("targetPolicy", raw_with_fallback())), HasSubstr("400 "));
    EXPECT_THAT(
        broken("payload", object{{"visualContent", {{"title", "t"}}}}), HasSubstr("raw payload")
    );
    EXPECT_THAT(broken(inside + "fallbackDelayInSeconds", 59), HasSubstr("60 to 600"));
    EXPECT_THAT(broken(inside + "fallbackDelayInSeconds", 601), HasSubstr("60 to 600"));
    EXPECT_THAT(broken(inside + "fallbackDelayInSeconds", "60"), HasSubstr("401 "));
    EXPECT_THAT(
        broken(inside + "platformTypes", boost::json::array{"ios", "windows"}),
        HasSubstr("iOS alone")
    );
    EXPECT_THAT(broken(inside + "visualContent", object{}), HasSubstr("title is required"));
    EXPECT_THAT(broken("fallbackPolicy", object{}), HasSubstr("is required"));
}

TEST(PostedNotificationTest, AnArrayIsRefusedAndTheWrappedFormTakenOnlyIfAsked) {
    EXPECT_THAT(verdict(boost::json::array{good()}), HasSubstr("400 Several notifications"));
    EXPECT_THAT(verdict("text"), HasSubstr("400 "));
    const object wrapped{{"notification", good()}};
    EXPECT_THAT(verdict(wrapped), HasSubstr("400 "));
    EXPECT_EQ(verdict(wrapped, {.wrapped = true}), "201");
    EXPECT_EQ(verdict(good(), {.wrapped = true}), "201");
}

TEST(ContentCodingTest, NamesAreTakenInAnyCaseAndOthersRefused) {
    EXPECT_EQ(parse_content_coding(""), ContentCoding::Identity);
    EXPECT_EQ(parse_content_coding("GZip"), ContentCoding::Gzip);
    EXPECT_EQ(parse_content_coding("Deflate"), ContentCoding::Deflate);
    for (const auto* other : {"br", "identity", "gzip, gzip", "x-gzip"})
        EXPECT_FALSE(parse_content_coding(other)) << other;
}

TEST(ContentCodingTest, GzipAndBothKindsOfDeflateAreRead) {
    const std::string text = R"({"a":"b"})";
    EXPECT_EQ(decode(ContentCoding::Gzip, packed(text, Packing::Gzip), 100).value(), text);
    EXPECT_EQ(decode(ContentCoding::Deflate, packed(text, Packing::Zlib), 100).value(), text);
    EXPECT_EQ(decode(ContentCoding::Deflate, packed(text, Packing::Raw), 100).value(), text);
}

TEST(ContentCodingTest, WhatIsBrokenOrTooLargeIsRefused) {
    const auto code = [](ContentCoding coding, const std::string& body, std::size_t most) {
        return decode(coding, body, most).error().code;
    };
    const auto whole = packed(std::string(1'000, 'x'), Packing::Gzip);
    EXPECT_EQ(code(ContentCoding::Gzip, whole.substr(0, whole.size() - 1), 2'000), Errc::Corrupt);
    EXPECT_EQ(code(ContentCoding::Gzip, whole + "x", 2'000), Errc::Corrupt);
    EXPECT_EQ(code(ContentCoding::Gzip, "no gzip", 2'000), Errc::Corrupt);
    EXPECT_EQ(code(ContentCoding::Gzip, "", 2'000), Errc::Corrupt);
    EXPECT_EQ(code(ContentCoding::Deflate, whole, 2'000), Errc::Corrupt);
    EXPECT_EQ(code(ContentCoding::Gzip, whole, 999), Errc::Full);
    EXPECT_EQ(decode(ContentCoding::Gzip, whole, 1'000).value().size(), 1'000U);
    // A thousand times as large as what came in.
    EXPECT_EQ(
        code(
            ContentCoding::Gzip, packed(std::string(10'000'000, ' '), Packing::Gzip), kMostPostBytes
        ),
        Errc::Full
    );
}

class EvaluationTest : public testing::Test {
  protected:
    EvaluationTest() {
        request_.method = "POST";
        request_.headers = {{"content-type", "application/json"}, {"x-uns-id", "some"}};
        request_.body = boost::json::serialize(good());
    }
    std::string evaluated() {
        const auto read = evaluate_post(request_, caller_, apps_, {}, some_time());
        if (read) return "201";
        return std::to_string(read.error().status) + " " + read.error().message;
    }
    void drop(std::string_view name) {
        std::erase_if(request_.headers, [name](const auto& one) { return one.first == name; });
    }
    Request request_;
    Caller caller_ = someone();
    CrossDeviceApps apps_;
};

// One request that is wrong in every way is mended step by step: each time the next reason of
// protocol 10.6 is told.
TEST_F(EvaluationTest, TheFirstOfSeveralReasonsIsTold) {
    auto wrong = with("displayTimeToLive", "soon");
    wrong["payload"] = object{};
    wrong["colour"] = 1;
    boost::json::array several{wrong};
    request_.body = "{";
    request_.headers = {
        {"if-range", "x"}, {"content-encoding", "br"}, {"content-type", "application/json"}
    };
    apps_.block(caller_.app);

    EXPECT_THAT(evaluated(), HasSubstr("403 The caller is blocked"));
    EXPECT_TRUE(apps_.unblock(caller_.app));
    EXPECT_THAT(evaluated(), HasSubstr("400 The header if-range"));
    drop("if-range");
    EXPECT_THAT(evaluated(), HasSubstr("415 "));
    drop("content-encoding");
    EXPECT_THAT(evaluated(), HasSubstr("400 The header X-UNS-ID"));
    request_.headers.emplace_back("x-uns-id", "some");
    EXPECT_THAT(evaluated(), HasSubstr("400 Unable to read JSON"));
    request_.body = boost::json::serialize(several);
    EXPECT_THAT(evaluated(), HasSubstr("400 Several notifications"));
    request_.body = boost::json::serialize(wrong);
    EXPECT_THAT(evaluated(), HasSubstr("400 The request body does not match"));
    wrong.erase("colour");
    request_.body = boost::json::serialize(wrong);
    EXPECT_THAT(evaluated(), HasSubstr("400 The payload is invalid"));
    wrong["payload"] = object{{"rawContent", "r"}};
    request_.body = boost::json::serialize(wrong);
    EXPECT_THAT(evaluated(), HasSubstr("401 "));
    wrong["displayTimeToLive"] = 60;
    request_.body = boost::json::serialize(wrong);
    EXPECT_EQ(evaluated(), "201");
}

TEST_F(EvaluationTest, BothForbiddenHeadersAreRefusedWhateverTheyHold) {
    for (const auto* name : {"if-modified-since", "if-range"}) {
        request_.headers.emplace_back(name, "");
        EXPECT_THAT(evaluated(), HasSubstr("400 The header"));
        drop(name);
    }
    EXPECT_EQ(evaluated(), "201");
}

TEST_F(EvaluationTest, ASignedInUsersTokenNeedsNoUnsid) {
    drop("x-uns-id");
    EXPECT_THAT(evaluated(), HasSubstr("400 "));
    caller_ = somebody();
    EXPECT_EQ(evaluated(), "201");
}

TEST_F(EvaluationTest, ARegisteredAppMayNameItsOwnHostsOnly) {
    const auto put = [&](std::string_view json) {
        return static_cast<bool>(apps_.put(boost::json::parse(json).as_object()));
    };
    EXPECT_TRUE(put(R"({"appId":"APP-1","hosts":["other.example.com"],"platforms":["ios"]})"));
    EXPECT_THAT(evaluated(), HasSubstr("400 "));
    EXPECT_THAT(evaluated(), HasSubstr("not registered"));
    EXPECT_TRUE(put(R"({"appId":"app-1","hosts":["Notify.example.com"]})"));
    EXPECT_EQ(evaluated(), "201");
    EXPECT_FALSE(put(R"({"appId":"app-1","platforms":["symbian"]})"));
    EXPECT_FALSE(put(R"({"hosts":[]})"));
    EXPECT_FALSE(put(R"({"appId":"a","colour":1})"));
}

TEST_F(EvaluationTest, ABodyThatGrowsTooLargeIsRefused) {
    request_.headers.emplace_back("content-encoding", "gzip");
    request_.body = packed(std::string(kMostPostBytes + 1, ' '), Packing::Gzip);
    EXPECT_THAT(evaluated(), HasSubstr("400 "));
    request_.body = packed(boost::json::serialize(good()), Packing::Gzip);
    EXPECT_EQ(evaluated(), "201");
}

}  // namespace
}  // namespace graphhook::emulator
