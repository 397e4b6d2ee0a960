// Why rich deliveries wait, as status and doctor tell it.

#include "app/service/unproved.hpp"

#include "app/doctor/keys.hpp"
#include "core/time_text.hpp"
#include "tests/support/hand_clock.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::app {
namespace {

using handlers::Opened;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Answers : public handlers::Opener {
  public:
    std::vector<Opened> open(std::span<const store::Delivery>, bool, std::stop_token) override {
        return next;
    }
    std::vector<Opened> next;
};

class UnprovedTest : public ::testing::Test {
  protected:
    void ask(std::vector<Opened> answers) {
        opener.next = std::move(answers);
        EXPECT_EQ(watch.open({}, true, {}).size(), opener.next.size());
    }
    static Opened waits(std::string reason, std::string detail, seconds again = seconds(15)) {
        return {Opened::Is::Waits, std::move(reason), std::move(detail), again, {}};
    }

    test::HandClock clock{parse_time("2026-11-21T12:00:00Z").value()};
    Answers opener;
    UnprovedWatch watch{opener, clock};
};

TEST_F(UnprovedTest, WhatWaitsIsToldByReasonSinceWhenItHasBeenSo) {
    const auto began = clock.system_now();
    ask({waits("no_private_key", "no key 'a'"), {}, waits("tokens_null", "", seconds(300))});
    clock.advance(seconds(20));
    ask({waits("no_private_key", "no key 'b'")});
    const auto rows = watch.rows();
    ASSERT_THAT(rows, SizeIs(2));
    EXPECT_EQ(rows[0].reason, "no_private_key");
    EXPECT_EQ(rows[0].detail, "no key 'b'");
    EXPECT_EQ(rows[0].since, began);
    EXPECT_EQ(rows[0].last_at, began + seconds(20));
    EXPECT_EQ(to_json(rows[0]).at("since").as_string(), to_text(began));
    EXPECT_EQ(rows[1].reason, "tokens_null");
}

TEST_F(UnprovedTest, WhatIsNotAskedAboutAgainWaitsNoLonger) {
    ask({waits("no_private_key", ""), waits("tokens_null", "", seconds(300))});
    clock.advance(seconds(31));
    ASSERT_THAT(watch.rows(), SizeIs(1));
    EXPECT_EQ(watch.rows()[0].reason, "tokens_null");
    clock.advance(seconds(300));
    EXPECT_THAT(watch.rows(), IsEmpty());
    const auto anew = clock.system_now();
    ask({waits("no_private_key", "")});
    EXPECT_EQ(watch.rows().at(0).since, anew);
}

TEST_F(UnprovedTest, WhatIsProvedFalseOrGivenBackAtOnceDoesNotWait) {
    ask(
        {{}, {Opened::Is::False, "data_key", "", seconds(15), {}}, waits("stopping", "", seconds(0))
        }
    );
    EXPECT_THAT(watch.rows(), IsEmpty());
}

TEST(DoctorUnprovedTest, DoctorSaysWhatWaitsAndWhatToDoAsLongAsSomethingIsLeft) {
    doctor::ServiceFacts service;
    service.unproved = boost::json::parse(R"([
        {"reason": "no_private_key", "detail": "no key 'a'", "since": "2026-11-21T12:00:00Z", "last_at": ""},
        {"reason": "opening_slow", "detail": "", "since": "2026-11-21T12:00:00Z", "last_at": ""}])")
                           .as_array();
    EXPECT_THAT(doctor::judge_unproved(service), IsEmpty());
    service.store =
        boost::json::parse(R"({"handlers": [{"waiting": 0}, {"waiting": 0}]})").as_object();
    EXPECT_THAT(doctor::judge_unproved(service), IsEmpty());
    service.store = boost::json::parse(R"({"handlers": [{"waiting": 3}]})").as_object();
    const auto found = doctor::judge_unproved(service);
    ASSERT_THAT(found, SizeIs(2));
    EXPECT_EQ(found[0].subject, "no_private_key");
    EXPECT_THAT(found[0].what, HasSubstr("since 2026-11-21T12:00:00Z"));
    EXPECT_THAT(found[0].what, HasSubstr("the private key of its certificate is not in the"));
    EXPECT_THAT(found[0].what, HasSubstr("no key 'a'"));
    EXPECT_THAT(found[0].remedy, HasSubstr("back into keys.folder"));
    EXPECT_THAT(found[1].remedy, HasSubstr("log"));
}

}  // namespace
}  // namespace graphhook::app
