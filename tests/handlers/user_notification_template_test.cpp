// Templates: what may be named, what it becomes, and that content stays content.

#include "handlers/user_notification/template.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::handlers {
namespace {

using ::testing::HasSubstr;

Delivery delivery() {
    Delivery one;
    one.id = "4711";
    one.source = "sweep";
    one.subscription = "support-inbox";
    one.tenant = "contoso";
    one.kind = "message";
    one.change = "created";
    one.resource = "Users/8a/Messages/AA";
    one.received_at = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);
    one.item =
        R"({"changeType":"created","resourceData":{"@odata.type":"#Microsoft.Graph.Message","id":"AA"}})";
    one.data =
        R"({"subject":"Gr\u00fc\u00dfe","to":[{"address":"a@x"},{"address":"b@x"}],"n":7,"d":1.5,"big":18446744073709551615,
            "yes":true,"none":null,"empty":"","deep":{"a":[1,{"b":"\"q\""}]}})";
    return one;
}

std::string render(std::string_view text, const Delivery& of = delivery()) {
    auto read = Template::parse(text);
    if (const auto* problem = std::get_if<Template::Problem>(&read))
        return "problem at " + std::to_string(problem->position) + ": " + problem->text;
    return std::get<Template>(read).render(TemplateValues(of, "push", TemplateValues::kBoth));
}

TEST(UserNotificationTemplateTest, NamesWhatADeliveryHas) {
    EXPECT_EQ(
        render("{id} {subscription} {tenant} {kind} {change} {resource} {handler} {received_at} "
               "{source}"),
        "4711 support-inbox contoso message created Users/8a/Messages/AA push "
        "2026-11-21T00:00:00Z sweep"
    );
}

TEST(UserNotificationTemplateTest, PathsLeadIntoItemAndData) {
    EXPECT_EQ(render("{item.changeType}"), "created");
    EXPECT_EQ(render("{item.resourceData.@odata.type}"), "#Microsoft.Graph.Message");
    EXPECT_EQ(render("{data.to.0.address},{data.to.1.address}"), "a@x,b@x");
    EXPECT_EQ(render("{data.deep.a.1.b}"), "\"q\"");
    EXPECT_EQ(
        render("{data.subject}"),
        "Gr\xc3\xbc\xc3\x9f"
        "e"
    );
}

TEST(UserNotificationTemplateTest, WhatIsAbsentOrNullIsNothing) {
    EXPECT_EQ(
        render("<{data.none}{data.no}{data.to.2.address}{data.to.x}{data.subject.more}{data.n.0}"
               "{item.no.no}{data.to.-1}{data.to.99999999999999999999}>"),
        "<>"
    );
    auto empty = delivery();
    empty.data.clear();
    empty.item = "not json";
    EXPECT_EQ(render("<{data.subject}{data}{item}{item.a}>", empty), "<>");
}

TEST(UserNotificationTemplateTest, NumbersBooleansObjectsAndArraysAreWrittenAsJson) {
    EXPECT_EQ(render("{data.n} {data.d} {data.yes} {data.big}"), "7 1.5 true 18446744073709551615");
    EXPECT_EQ(render("{data.deep}"), R"({"a":[1,{"b":"\"q\""}]})");
    EXPECT_EQ(render("{data.to}"), R"([{"address":"a@x"},{"address":"b@x"}])");
    EXPECT_EQ(render("{item}"), delivery().item);
}

TEST(UserNotificationTemplateTest, DefaultsStandWhereAValueIsAbsentNullOrEmpty) {
    EXPECT_EQ(
        render("{data.no:-a}{data.none:-b}{data.empty:-c}{data.subject:-d}{data.no:-}"),
        "abcGr\xc3\xbc\xc3\x9f"
        "e"
    );
    EXPECT_EQ(render("{data.no:-(none) :- !}"), "(none) :- !");
}

TEST(UserNotificationTemplateTest, JsonFormQuotesStringsAndWritesNullForNothing) {
    EXPECT_EQ(
        render("{data.subject!json},{data.n!json},{data.none!json},{data.no!json},{data.empty!json}"
        ),
        "\"Gr\xc3\xbc\xc3\x9f"
        "e\",7,null,null,\"\""
    );
    EXPECT_EQ(render("{data.no!json:-say \"hi\"}"), R"("say \"hi\"")");
    EXPECT_EQ(render("{id!json}"), R"("4711")");
}

TEST(UserNotificationTemplateTest, DoubledBracesAreBraces) {
    EXPECT_EQ(render("{{id}} }} {{ {{{id}}}"), "{id} } { {4711}");
    EXPECT_EQ(render(R"({{"a":{data.n!json}}})"), R"({"a":7})");
    EXPECT_EQ(render(R"({{"a":{{"b":{data.n!json}}}}})"), R"({"a":{"b":7}})");
    EXPECT_EQ(render(""), "");
}

TEST(UserNotificationTemplateTest, BadTemplatesAreRefusedWithThePlaceAndItsPosition) {
    EXPECT_THAT(render("hi {foo}"), HasSubstr("problem at 4: {foo} is not known; known are id, "));
    EXPECT_THAT(render("{Id}"), HasSubstr("problem at 1: {Id} is not known"));
    EXPECT_THAT(render("{id.x}"), HasSubstr("{id.x} is not known"));
    EXPECT_THAT(render("{datax.y}"), HasSubstr("{datax.y} is not known"));
    EXPECT_THAT(render("{attempt}"), HasSubstr("{attempt} is not known"));
    EXPECT_THAT(render("a{}"), HasSubstr("problem at 2: {} names nothing"));
    EXPECT_THAT(render("{!json}"), HasSubstr("{!json} names nothing"));
    EXPECT_THAT(render("{data.}"), HasSubstr("{data.} is no path"));
    EXPECT_THAT(render("{data.a..b}"), HasSubstr("is no path"));
    EXPECT_THAT(render("{data.a b}"), HasSubstr("is no path"));
    EXPECT_THAT(render("{data.a!JSON}"), HasSubstr("is no path"));
    EXPECT_THAT(render("ab{id"), HasSubstr("problem at 3: a '{' that is not closed"));
    EXPECT_THAT(render("{id{x}}"), HasSubstr("problem at 1: a '{' that is not closed"));
    EXPECT_THAT(render("ab}c"), HasSubstr("problem at 3: a '}' that closes nothing"));
    EXPECT_THAT(render("{data.a:-x!json}"), HasSubstr("'!json' goes before ':-'"));
}

TEST(UserNotificationTemplateTest, ContentIsNeverReadAsATemplate) {
    auto sly = delivery();
    sly.data = R"({"subject":"{id} }} {{ {data.n!json}"})";
    EXPECT_EQ(render("{data.subject}", sly), "{id} }} {{ {data.n!json}");
}

TEST(UserNotificationTemplateTest, ContentCanNotAddAFieldToJsonThatIsMadeWithTheJsonForm) {
    const std::vector<std::string> tricks = {
        R"("x\",\"admin\":true,\"y\":\"")", R"("\\\",\"admin\":true")",
        R"("\u0022,\u0022admin\u0022:1")",  R"({"admin":{"a":"\"}"}})",
        R"(["\"],\"admin\":[1"])",          R"("\n\r\t\u0000\u001f\u2028")"
    };
    for (const auto& trick : tricks) {
        auto sly = delivery();
        sly.data = R"({"subject":)" + trick + "}";
        const auto raw = render(R"({{"subject":{data.subject!json},"id":{id!json}}})", sly);
        const auto read = boost::json::parse(raw).as_object();
        EXPECT_EQ(read.size(), 2U) << raw;
        EXPECT_EQ(read.at("subject"), boost::json::parse(trick)) << raw;
        EXPECT_EQ(read.at("id").as_string(), "4711");
    }
}

TEST(UserNotificationTemplateTest, TellsWhatItNeeds) {
    const auto parse = [](std::string_view text) {
        return std::get<Template>(Template::parse(text));
    };
    EXPECT_TRUE(parse("a {{ b").constant());
    EXPECT_FALSE(parse("{id}").constant());
    EXPECT_TRUE(parse("{item.a}").wants_item());
    EXPECT_FALSE(parse("{item.a}").wants_data());
    EXPECT_EQ(parse("{id} {data.a:-b} {data.c}").data_place(), "{data.a:-b}");
    const Delivery one = delivery();
    EXPECT_EQ(
        parse("<{item.changeType}{data.n}>").render(TemplateValues(one, "", TemplateValues::kData)),
        "<7>"
    );
}

}  // namespace
}  // namespace graphhook::handlers
