// What `doctor` says of encryption keys, key sets and the quarantine.

#include "app/doctor/keys.hpp"
#include "authenticity/reason.hpp"
#include "core/time_text.hpp"
#include "tests/support/temp_dir.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace graphhook::app::doctor {
namespace {

using namespace std::chrono_literals;
using authenticity::Reason;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Level = Finding::Level;

SystemTime now() {
    return parse_time("2026-11-21T12:00:00Z").value();
}

authenticity::EncryptionKeyPtr key(
    const std::string& id, std::chrono::hours since, std::chrono::hours until
) {
    auto made = std::make_shared<authenticity::EncryptionKey>();
    made->id = id;
    made->not_before = now() - since;
    made->not_after = now() + until;
    return made;
}

KeyFacts facts(std::vector<authenticity::EncryptionKeyPtr> keys) {
    KeyFacts facts;
    facts.folder = "/keys";
    facts.wanted = true;
    facts.keyring = authenticity::Keyring(std::move(keys));
    return facts;
}

std::vector<Level> levels(const Findings& findings) {
    std::vector<Level> all;
    for (const auto& finding : findings) all.push_back(finding.level);
    return all;
}

TEST(DoctorKeysTest, WithoutResourceDataNobodyAsksForAFolder) {
    auto none = facts({});
    none.wanted = false;
    none.error = graphhook::fail(Errc::NotFound, "no such folder");
    EXPECT_THAT(judge_keys(none, {}, now()), IsEmpty());
}

TEST(DoctorKeysTest, AFolderThatIsMissingOrOpenToOthersFails) {
    auto found = facts({});
    found.error = graphhook::fail(Errc::NotFound, "no such folder");
    EXPECT_THAT(
        to_text(judge_keys(found, {}, now()), false), HasSubstr("run 'graphhook keys create'")
    );
    found.error = graphhook::fail(Errc::BadInput, "others may read it");
    EXPECT_THAT(to_text(judge_keys(found, {}, now()), false), HasSubstr("chmod 700 '/keys'"));
    EXPECT_TRUE(any_fails(judge_keys(found, {}, now())));
}

TEST(DoctorKeysTest, AKeyIsNeededWhereASubscriptionHasResourceData) {
    EXPECT_TRUE(any_fails(judge_keys(facts({}), {}, now())));
    EXPECT_TRUE(any_fails(judge_keys(facts({key("over", 900h, -1h)}), {}, now())));
    EXPECT_FALSE(any_fails(judge_keys(facts({key("a", 1h, 24h * 90)}), {}, now())));
}

TEST(DoctorKeysTest, TheEndOfACertificateIsToldAMonthAhead) {
    EXPECT_THAT(
        levels(judge_keys(facts({key("a", 1h, 24h * 31)}), {}, now())),
        ::testing::ElementsAre(Level::Ok)
    );
    const auto soon = judge_keys(facts({key("a", 1h, 24h * 29)}), {}, now());
    EXPECT_THAT(levels(soon), ::testing::ElementsAre(Level::Warn));
    EXPECT_THAT(soon[0].what, HasSubstr("in 29 days"));
    EXPECT_THAT(soon[0].remedy, HasSubstr("keys rotate"));
}

TEST(DoctorKeysTest, AnOlderKeyThatSubscriptionsStillUseIsLookedAtToo) {
    ServiceFacts service;
    service.certificates = {{"old", 3}, {"lost", 2}, {"new", 4}};
    const auto found =
        judge_keys(facts({key("new", 1h, 24h * 90), key("old", 900h, -1h)}), service, now());
    ASSERT_THAT(levels(found), ::testing::ElementsAre(Level::Ok, Level::Fail, Level::Fail))
        << to_text(found, false);
    EXPECT_THAT(
        found[1].what, HasSubstr("2 subscriptions use it, and its private key is not here")
    );
    EXPECT_THAT(found[2].what, HasSubstr("3 subscriptions still use it"));
    // An old one that nobody uses may end.
    EXPECT_FALSE(
        any_fails(judge_keys(facts({key("new", 1h, 24h * 90), key("old", 900h, -1h)}), {}, now()))
    );
}

TEST(DoctorKeysTest, TheFolderItselfIsRead) {
    const test::TempDir dir;
    Config config;
    config.keys.folder = dir.file("keys");
    config.subscriptions.wanted.resize(1);
    config.subscriptions.wanted[0].resource_data = true;
    EXPECT_TRUE(gather_keys(config).error);
    authenticity::NewKey wanted;
    wanted.id = "a";
    ASSERT_TRUE(authenticity::create_key(config.keys.folder, wanted, now()));
    EXPECT_FALSE(any_fails(judge_keys(gather_keys(config), {}, now())));
    std::ofstream(config.keys.folder + "/b.pem") << "no key";
    std::filesystem::permissions(config.keys.folder + "/b.pem", std::filesystem::perms(0600));
    const auto broken = judge_keys(gather_keys(config), {}, now());
    EXPECT_THAT(to_text(broken, false), HasSubstr("b.pem"));
    EXPECT_FALSE(any_fails(broken));
    std::filesystem::permissions(config.keys.folder, std::filesystem::perms(0755));
    EXPECT_TRUE(any_fails(judge_keys(gather_keys(config), {}, now())));
}

TEST(DoctorKeysTest, TheQuarantineIsToldByReasonWithWhatToDo) {
    ServiceFacts service;
    EXPECT_THAT(judge_quarantine(service), IsEmpty());
    service.store = boost::json::parse(R"({"quarantined": {}})").as_object();
    EXPECT_THAT(levels(judge_quarantine(service)), ::testing::ElementsAre(Level::Ok));
    service.store =
        boost::json::parse(R"({"quarantined": {"token_audience": 7, "data_key": 0}})").as_object();
    const auto found = judge_quarantine(service);
    ASSERT_THAT(levels(found), ::testing::ElementsAre(Level::Warn));
    EXPECT_EQ(found[0].subject, "token_audience");
    EXPECT_THAT(found[0].what, HasSubstr("7 proved false: the token is not for one of"));
    EXPECT_THAT(found[0].remedy, HasSubstr("quarantine list --reason token_audience"));
}

/// Every reason there is, by its label.
std::vector<std::string> labels() {
    std::vector<std::string> all;
    for (int value = 1; value <= static_cast<int>(Reason::DataJson); ++value)
        all.emplace_back(authenticity::to_string(static_cast<Reason>(value)));
    return all;
}

TEST(DoctorKeysTest, EveryReasonHasARemedyHereAndALineInTheDocumentation) {
    std::ifstream file(std::string(GRAPHHOOK_SOURCE_DIR) + "/docs/resource-data.md");
    const std::string page{std::istreambuf_iterator<char>(file), {}};
    for (const auto& label : labels()) {
        EXPECT_FALSE(remedy_of(label).empty()) << label;
        EXPECT_THAT(page, HasSubstr("`" + label + "`"));
    }
    EXPECT_THAT(remedy_of("tokens_null"), HasSubstr("appRoleAssignmentRequired"));
    EXPECT_THAT(remedy_of("token_audience"), HasSubstr("client_id"));
    EXPECT_FALSE(remedy_of("from another release").empty());
}

class Nowhere final : public HttpClient {
  public:
    Result<HttpResponse> send(const HttpRequest&, std::stop_token) override {
        return graphhook::fail(Errc::Unreachable, "no route");
    }
};

TEST(DoctorKeysTest, KeySetsOutOfReachFail) {
    Nowhere http;
    const auto found = try_key_sets({}, http, real_clock());
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].level, Level::Fail);
    EXPECT_EQ(found[0].subject, "https://login.microsoftonline.com");
    EXPECT_THAT(found[0].what, HasSubstr("unreachable"));
}

}  // namespace
}  // namespace graphhook::app::doctor
