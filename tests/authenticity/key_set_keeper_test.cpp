#include "authenticity/key_set_keeper.hpp"

#include "tests/authenticity/token_fixture.hpp"
#include "tests/support/hand_clock.hpp"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>

namespace graphhook::authenticity::test {
namespace {

namespace json = boost::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds kWatchdog{30};
const std::string kOwnLogin = "https://login.example.com:8443";

class KeeperClock final : public graphhook::test::HandClock {
  public:
    KeeperClock() : HandClock(kNow) {}
};

class FakeShelf final : public KeySetShelf {
  public:
    Result<std::string> read(const std::string& name) override {
        if (broken) return fail(Errc::Failed, "no disk");
        return texts[name];
    }
    Result<void> write(const std::string& name, const std::string& text) override {
        if (broken) return fail(Errc::Full, "no room");
        texts[name] = text;
        return {};
    }
    std::map<std::string, std::string> texts;
    bool broken = false;
};

/// What there is to be had, and who asked for what. Works.
class FakeWeb {
  public:
    void serve(const std::string& url, std::string body, int status = 200) {
        const std::lock_guard lock(mutex_);
        HttpResponse response;
        response.status = status;
        response.body = std::move(body);
        pages_[url] = std::move(response);
    }
    void serve_metadata(
        const std::string& login, Version version, const std::string& issuer,
        const std::string& jwks_uri
    ) {
        serve(
            metadata_url(login, version),
            json::serialize(json::object{{"issuer", issuer}, {"jwks_uri", jwks_uri}})
        );
    }
    /// Both versions of an authority, with this key.
    void serve_authority(const std::string& login, const TestKey& key) {
        serve_metadata(login, Version::V1, kV1Issuer, login + "/common/discovery/keys");
        serve_metadata(login, Version::V2, kV2Issuer, login + "/common/discovery/v2.0/keys");
        serve(login + "/common/discovery/keys", jwks({key.jwk()}));
        serve(login + "/common/discovery/v2.0/keys", jwks({key.jwk()}));
    }
    static std::string metadata_url(const std::string& login, Version version) {
        return login + (version == Version::V1 ? "/common" : "/common/v2.0") +
               "/.well-known/openid-configuration";
    }
    void set_header(const std::string& name, const std::string& value) {
        const std::lock_guard lock(mutex_);
        headers_[name] = value;
    }
    void set_down(bool down) {
        const std::lock_guard lock(mutex_);
        down_ = down;
    }
    /// Requests do not end until they are told to stop.
    void hang() {
        const std::lock_guard lock(mutex_);
        hangs_ = true;
    }
    Result<HttpResponse> answer(const HttpRequest& request, const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        asked_.push_back(request.url);
        changed_.notify_all();
        if (hangs_) {
            changed_.wait(lock, stop, [] { return false; });
            return fail(Errc::Aborted, "stopped");
        }
        if (down_) return fail(Errc::Unreachable, "no route");
        const auto page = pages_.find(request.url);
        HttpResponse response;
        response.status = 404;
        if (page != pages_.end()) response = page->second;
        for (const auto& header : headers_) response.headers.emplace_back(header);
        return response;
    }
    std::size_t asked(const std::string& url) {
        const std::lock_guard lock(mutex_);
        return static_cast<std::size_t>(std::ranges::count(asked_, url));
    }
    std::size_t asked() {
        const std::lock_guard lock(mutex_);
        return asked_.size();
    }
    bool wait_for_asked(const std::string& url, std::ptrdiff_t times) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kWatchdog, [&] {
            return std::ranges::count(asked_, url) >= times;
        });
    }

  private:
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::map<std::string, HttpResponse> pages_;
    std::map<std::string, std::string> headers_;
    std::vector<std::string> asked_;
    bool down_ = false;
    bool hangs_ = false;
};

class FakeClient final : public HttpClient {
  public:
    explicit FakeClient(FakeWeb& web) : web_(web) {}
    Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) override {
        return web_.answer(request, stop);
    }

  private:
    FakeWeb& web_;
};

class KeySetKeeperTest : public testing::Test {
  protected:
    KeySetKeeperTest() { web.serve_authority(kLogin, graph_key()); }

    std::unique_ptr<KeySetKeeper> keeper(
        const std::vector<Authority>& authorities = {{kLogin, ""}}
    ) {
        return std::make_unique<KeySetKeeper>(
            authorities,
            KeySetKeeper::Parts{
                .shelf = shelf,
                .clock = clock,
                .registry = registry,
                .make_client =
                    [this](const Authority& authority) {
                        clients.push_back(authority);
                        return std::make_unique<FakeClient>(web);
                    }
            }
        );
    }
    [[nodiscard]] std::string metrics() const {
        return prometheus::TextSerializer().Serialize(registry.Collect());
    }
    [[nodiscard]] bool has_metric(const std::string& line) const {
        return metrics().find(line + "\n") != std::string::npos;
    }

    const std::string v1_keys = kLogin + "/common/discovery/keys";
    const std::string v2_keys = kLogin + "/common/discovery/v2.0/keys";
    KeeperClock clock;
    FakeShelf shelf;
    FakeWeb web;
    prometheus::Registry registry;
    std::vector<Authority> clients;
};

TEST_F(KeySetKeeperTest, FetchesBothSetsAtOnceAndThenDaily) {
    const auto keeper = this->keeper();
    EXPECT_TRUE(keeper->sets()->sets.empty());
    const SystemTime next = keeper->step();
    ASSERT_EQ(keeper->sets()->sets.size(), 2u);
    EXPECT_EQ(item_reason(array_of({v2_token()}), *keeper->sets()), Reason::None);
    EXPECT_EQ(keeper->sets()->sets[0].issuer, kV1Issuer);
    EXPECT_GE(next, kNow + hours(22));
    EXPECT_LE(next, kNow + hours(24));
    EXPECT_EQ(web.asked(), 4u);

    clock.advance(hours(21));
    keeper->step();
    EXPECT_EQ(web.asked(), 4u);
    clock.advance(hours(3));
    keeper->step();
    EXPECT_EQ(web.asked(v1_keys), 2u);
    EXPECT_EQ(web.asked(v2_keys), 2u);
    EXPECT_EQ(keeper->sets()->sets[1].fetched_at, kNow + hours(24));
    EXPECT_EQ(clients.size(), 1u);
}

TEST_F(KeySetKeeperTest, ARestartWithoutNetworkProvesAtOnceByWhatIsOnTheShelf) {
    keeper()->step();
    EXPECT_EQ(shelf.texts.size(), 2u);
    EXPECT_TRUE(shelf.texts.contains(shelf_name(kLogin, Version::V2)));
    web.set_down(true);
    clock.advance(hours(48));
    const auto again = keeper();
    again->start();
    ASSERT_EQ(again->sets()->sets.size(), 2u);
    EXPECT_EQ(again->sets()->sets[0].fetched_at, kNow);
    EXPECT_EQ(item_reason(array_of({v2_token()}), *again->sets()), Reason::None);
    again->stop();
}

TEST_F(KeySetKeeperTest, ABrokenOrForeignShelfCostsNothingButItself) {
    keeper()->step();
    auto text = shelf.texts.begin();
    text->second = "{";
    // The other one has a set that is not its own.
    std::next(text)->second = to_text(key_set({other_key().jwk()}, Version::V1));
    web.set_down(true);
    const auto again = keeper();
    again->step();
    EXPECT_TRUE(again->sets()->sets.empty());
    shelf.broken = true;
    web.set_down(false);
    const auto third = keeper();
    third->step();
    EXPECT_EQ(third->sets()->sets.size(), 2u);
}

TEST_F(KeySetKeeperTest, ASetFromTheFutureCountsAsFetchedNow) {
    clock.advance(hours(24 * 365));
    keeper()->step();
    clock.advance(-hours(24 * 365));
    web.set_down(true);
    const auto again = keeper();
    again->step();
    ASSERT_EQ(again->sets()->sets.size(), 2u);
    EXPECT_EQ(again->sets()->sets[0].fetched_at, kNow);
}

TEST_F(KeySetKeeperTest, AnUnknownKidFetchesAtOnceButNotTwiceInFiveMinutes) {
    const auto keeper = this->keeper();
    keeper->step();
    web.serve(v2_keys, jwks({graph_key().jwk(), other_key().jwk()}));
    clock.advance(minutes(1));
    for (int i = 0; i < 100; ++i) keeper->kid_unknown(kLogin);
    keeper->step();
    EXPECT_EQ(web.asked(v2_keys), 2u);
    EXPECT_EQ(keeper->sets()->sets[1].keys.size(), 2u);

    keeper->kid_unknown(kLogin);
    const SystemTime next = keeper->step();
    EXPECT_EQ(web.asked(v2_keys), 2u);
    EXPECT_EQ(next, kNow + minutes(6));
    clock.advance(minutes(5));
    keeper->step();
    EXPECT_EQ(web.asked(v2_keys), 3u);
    keeper->kid_unknown("https://nobody.example");
    clock.advance(minutes(5));
    keeper->step();
    EXPECT_EQ(web.asked(v2_keys), 3u);
}

TEST_F(KeySetKeeperTest, AKeyThatBeginsToSignIsFetchedAtOnceThoughTheFirstWereWaitedFor) {
    const auto keeper = this->keeper();
    web.set_down(true);
    for (int i = 0; i < 3; ++i) {
        keeper->kid_unknown(kLogin);
        keeper->step();
    }
    EXPECT_EQ(web.asked(FakeWeb::metadata_url(kLogin, Version::V2)), 1u) << "not once a client";
    web.set_down(false);
    clock.advance(minutes(5));
    keeper->step();
    ASSERT_EQ(keeper->sets()->sets.size(), 2u);
    web.serve(v2_keys, jwks({graph_key().jwk(), other_key().jwk()}));
    clock.advance(seconds(1));
    keeper->kid_unknown(kLogin);
    keeper->step();
    EXPECT_EQ(keeper->sets()->sets[1].keys.size(), 2u);
}

TEST_F(KeySetKeeperTest, AnOutageKeepsWhatIsThereAndIsAskedAgainWithGrowingPatience) {
    const auto keeper = this->keeper();
    keeper->step();
    web.set_down(true);
    clock.advance(hours(24));
    const auto snapshot = keeper->sets();
    std::chrono::microseconds before{0};
    for (int i = 0; i < 8; ++i) {
        const auto wait = keeper->step() - clock.system_now();
        EXPECT_GE(wait, i == 0 ? seconds(24) : before);
        EXPECT_LE(wait, minutes(15));
        before = std::min<std::chrono::microseconds>(wait, minutes(12));
        clock.advance(minutes(15));
    }
    EXPECT_GE(before, minutes(12));
    EXPECT_EQ(keeper->sets(), snapshot);
    ASSERT_EQ(keeper->sets()->sets.size(), 2u);
    EXPECT_EQ(keeper->sets()->sets[0].fetched_at, kNow);
    EXPECT_EQ(item_reason(array_of({v2_token()}), *keeper->sets()), Reason::None);
    web.set_down(false);
    keeper->step();
    EXPECT_EQ(keeper->sets()->sets[0].fetched_at, clock.system_now());
}

TEST_F(KeySetKeeperTest, WhatCannotBeReadCountsAsFailedAndKeepsWhatIsThere) {
    const auto keeper = this->keeper();
    keeper->step();
    for (const auto* const body : {"", "<html>", R"({"keys":[]})", R"({"error":"x"})"}) {
        web.serve(v2_keys, body);
        clock.advance(hours(24));
        keeper->step();
        EXPECT_EQ(keeper->sets()->sets[1].fetched_at, kNow) << body;
        EXPECT_EQ(keeper->sets()->sets[1].keys.size(), 1u);
    }
    EXPECT_TRUE(has_metric(R"(graphhook_key_set_fetches_total{outcome="garbled"} 4)"));
    web.serve(v2_keys, jwks({graph_key().jwk()}) + std::string(1u << 20, ' '));
    clock.advance(hours(1));
    keeper->step();
    EXPECT_TRUE(has_metric(R"(graphhook_key_set_fetches_total{outcome="garbled"} 5)"));
}

TEST_F(KeySetKeeperTest, RedirectsAreNotFollowed) {
    web.serve(v1_keys, jwks({graph_key().jwk()}), 302);
    const auto keeper = this->keeper();
    keeper->step();
    ASSERT_EQ(keeper->sets()->sets.size(), 1u);
    EXPECT_EQ(keeper->sets()->sets[0].version, Version::V2);
    EXPECT_TRUE(has_metric(R"(graphhook_key_set_fetches_total{outcome="refused"} 1)"));
    EXPECT_TRUE(has_metric(R"(graphhook_key_set_fetches_total{outcome="ok"} 1)"));
}

TEST_F(KeySetKeeperTest, MetadataDoesNotLeadUsToAnotherHost) {
    web.serve("https://evil.example/keys", jwks({other_key().jwk()}));
    web.serve_metadata(kLogin, Version::V2, kV2Issuer, "https://evil.example/keys");
    web.serve_authority(kOwnLogin, graph_key());
    web.serve_metadata(kOwnLogin, Version::V2, kV2Issuer, "https://evil.example/keys");
    const auto keeper = this->keeper({{kLogin, ""}, {kOwnLogin, ""}});
    keeper->step();
    EXPECT_EQ(web.asked("https://evil.example/keys"), 0u);
    // Microsoft's own have their usual place; of the other nothing is known.
    EXPECT_EQ(web.asked(v2_keys), 1u);
    EXPECT_EQ(keeper->sets()->sets.size(), 3u);
    EXPECT_EQ(web.asked(kOwnLogin + "/common/discovery/v2.0/keys"), 0u);
}

TEST_F(KeySetKeeperTest, MicrosoftsLoginHostsMayNameOneAnother) {
    const std::string china = "https://login.chinacloudapi.cn";
    const std::string keys = "https://login.partner.microsoftonline.cn/common/discovery/v2.0/keys";
    web.serve_metadata(
        china, Version::V2, "https://login.partner.microsoftonline.cn/{tenantid}/v2.0", keys
    );
    web.serve(keys, jwks({graph_key().jwk()}));
    const auto keeper = this->keeper({{china, ""}});
    keeper->step();
    ASSERT_EQ(keeper->sets()->sets.size(), 1u);
    EXPECT_EQ(web.asked(keys), 1u);
}

TEST_F(KeySetKeeperTest, WithoutMetadataTheKnownPlaceIsUsed) {
    web.serve_authority(kOwnLogin, graph_key());
    const std::string odd = kOwnLogin + "/odd/keys";
    web.serve_metadata(kOwnLogin, Version::V2, kV2Issuer, odd);
    web.serve(odd, jwks({graph_key().jwk()}));
    const auto keeper = this->keeper({{kOwnLogin, "ca.pem"}});
    keeper->step();
    web.serve(FakeWeb::metadata_url(kOwnLogin, Version::V2), "", 500);
    clock.advance(hours(24));
    keeper->step();
    EXPECT_EQ(web.asked(odd), 2u);
    EXPECT_EQ(keeper->sets()->sets[1].fetched_at, kNow + hours(24));
    EXPECT_EQ(keeper->sets()->sets[1].issuer, kV2Issuer);
    // After a restart its issuer is known from the shelf, its keys' place is the usual one.
    this->keeper({{kOwnLogin, "ca.pem"}})->step();
    EXPECT_EQ(web.asked(kOwnLogin + "/common/discovery/v2.0/keys"), 1u);
    ASSERT_FALSE(clients.empty());
    EXPECT_EQ(clients[0].ca_file, "ca.pem");
}

TEST_F(KeySetKeeperTest, AnIssuerThatIsNotOneOfAllTenantsIsNotBelieved) {
    web.serve_authority(kOwnLogin, graph_key());
    web.serve_metadata(
        kOwnLogin, Version::V2, "https://login.example.com/one/v2.0",
        kOwnLogin + "/common/discovery/v2.0/keys"
    );
    const auto keeper = this->keeper({{kOwnLogin, ""}});
    keeper->step();
    ASSERT_EQ(keeper->sets()->sets.size(), 1u);
    EXPECT_EQ(keeper->sets()->sets[0].version, Version::V1);
}

TEST_F(KeySetKeeperTest, AKeyThatVanishedStaysAMemberOfItsSet) {
    const auto keeper = this->keeper();
    keeper->step();
    web.serve_authority(kLogin, other_key());
    clock.advance(hours(24));
    keeper->step();
    ASSERT_EQ(keeper->sets()->sets[0].keys.size(), 2u);
    EXPECT_EQ(item_reason(array_of({v2_token()}), *keeper->sets()), Reason::None);
    EXPECT_EQ(
        item_reason(array_of({v2_token()}), *keeper->sets(), kNow + hours(25)), Reason::KeyUnknown
    );
}

TEST_F(KeySetKeeperTest, RepliesTellHowFarOurClockIsAhead) {
    web.set_header("date", "Sat, 21 Nov 2026 07:50:00 GMT");
    const auto keeper = this->keeper();
    const SystemTime next = keeper->step();
    EXPECT_EQ(keeper->sets()->clock_ahead, minutes(10));
    EXPECT_TRUE(keeper->sets()->clock_doubtful());
    EXPECT_LE(next, kNow + minutes(15));
    EXPECT_TRUE(has_metric("graphhook_clock_ahead_seconds 600"));

    web.set_header("date", "Sat, 21 Nov 2026 08:16:40 GMT");
    clock.advance(minutes(15));
    keeper->step();
    EXPECT_EQ(keeper->sets()->clock_ahead, seconds(-100));
    EXPECT_FALSE(keeper->sets()->clock_doubtful());
    // What a cache kept, or what is no date, says nothing.
    clock.advance(hours(24));
    web.set_header("date", "120");
    keeper->step();
    EXPECT_EQ(keeper->sets()->clock_ahead, seconds(-100));
    clock.advance(hours(24));
    web.set_header("date", "Sat, 21 Nov 2026 08:00:00 GMT");
    web.set_header("age", "7");
    keeper->step();
    EXPECT_EQ(keeper->sets()->clock_ahead, seconds(-100));
}

TEST_F(KeySetKeeperTest, AClockThatIsFarOffIsInDoubtInBothDirections) {
    web.set_header("date", "Sun, 21 Nov 2027 08:00:00 GMT");
    const auto keeper = this->keeper();
    keeper->step();
    EXPECT_EQ(keeper->sets()->clock_ahead, -hours(12));
    clock.advance(hours(24 * 700));
    keeper->step();
    EXPECT_EQ(keeper->sets()->clock_ahead, hours(12));
}

TEST_F(KeySetKeeperTest, AuthoritiesComeAndGoWithTheConfiguration) {
    web.serve_authority(kOwnLogin, other_key());
    const auto keeper = this->keeper();
    keeper->step();
    keeper->set_authorities({{kOwnLogin, ""}, {kOwnLogin + "/", ""}});
    EXPECT_TRUE(keeper->sets()->sets.empty());
    EXPECT_EQ(metrics().find("login.microsoftonline.com"), std::string::npos);
    keeper->step();
    ASSERT_EQ(keeper->sets()->sets.size(), 2u);
    EXPECT_EQ(keeper->sets()->sets[0].login, kOwnLogin);
    keeper->set_authorities({{kOwnLogin, "other.pem"}});
    keeper->step();
    EXPECT_EQ(clients.back(), (Authority{kOwnLogin, "other.pem"}));
    EXPECT_EQ(web.asked(kOwnLogin + "/common/discovery/keys"), 2u);
}

TEST_F(KeySetKeeperTest, MetricsTellOfFetchesAndOfTheSetsAtHand) {
    const auto keeper = this->keeper();
    EXPECT_TRUE(has_metric(R"(graphhook_key_set_fetches_total{outcome="unreachable"} 0)"));
    keeper->step();
    EXPECT_TRUE(has_metric(R"(graphhook_key_set_fetches_total{outcome="ok"} 2)"));
    const std::string name =
        R"(graphhook_key_set_fetched_timestamp_seconds{authority_host="login.microsoftonline.com",)";
    EXPECT_NE(metrics().find(name + R"(version="1"} 1795248000)"), std::string::npos);
    EXPECT_NE(metrics().find(name + R"(version="2"} 1795248000)"), std::string::npos);
    web.set_down(true);
    clock.advance(hours(24));
    keeper->step();
    EXPECT_TRUE(has_metric(R"(graphhook_key_set_fetches_total{outcome="unreachable"} 2)"));
}

TEST_F(KeySetKeeperTest, ItsThreadFetchesAtTheStartAndWhenAKeyIsWanted) {
    const auto keeper = this->keeper();
    keeper->start();
    ASSERT_TRUE(web.wait_for_asked(v1_keys, 1));
    ASSERT_TRUE(web.wait_for_asked(v2_keys, 1));
    // Beyond what the first fetch may still be about.
    while (keeper->sets()->sets.size() < 2) std::this_thread::yield();
    keeper->kid_unknown(kLogin);
    EXPECT_TRUE(web.wait_for_asked(v2_keys, 2));
    keeper->stop();
}

TEST_F(KeySetKeeperTest, StoppingEndsARequestThatHangs) {
    web.hang();
    const auto keeper = this->keeper();
    keeper->start();
    ASSERT_TRUE(web.wait_for_asked(FakeWeb::metadata_url(kLogin, Version::V1), 1));
    keeper->stop();
    EXPECT_TRUE(has_metric(R"(graphhook_key_set_fetches_total{outcome="unreachable"} 0)"));
}

}  // namespace
}  // namespace graphhook::authenticity::test
