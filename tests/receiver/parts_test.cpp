// The small pure parts: PROXY header, networks, addresses, windows, samples, tokens, budget,
// replies.
#include "receiver/admin_tokens.hpp"
#include "receiver/body_budget.hpp"
#include "receiver/listen_address.hpp"
#include "receiver/networks.hpp"
#include "receiver/proxy_header.hpp"
#include "receiver/refused_body.hpp"
#include "receiver/reply.hpp"
#include "receiver/reply_window.hpp"

#include <gtest/gtest.h>

namespace graphhook::receiver {
namespace {

using Is = ProxyHeader::Is;
using boost::asio::ip::make_address;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

/// Version 2 for TCP over IPv4, from 1.2.3.4.
std::string binary_header() {
    return kSignature +
           std::string("\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x50\x01\xbb", 16);
}

TEST(ProxyHeaderTest, TextHeaderNamesTheClient) {
    const auto v4 = read_proxy_header("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443\r\nrest");
    EXPECT_EQ(v4.is, Is::Whole);
    EXPECT_EQ(v4.size, 37u);
    EXPECT_EQ(v4.source, make_address("1.2.3.4"));
    EXPECT_EQ(read_proxy_header("PROXY TCP6 ::1 ::2 1 2\r\n").source, make_address("::1"));
    const auto unknown = read_proxy_header("PROXY UNKNOWN ffff::1 x y\r\n");
    EXPECT_EQ(unknown.is, Is::Whole);
    EXPECT_EQ(unknown.source, std::nullopt);
}

TEST(ProxyHeaderTest, BinaryHeaderNamesTheClient) {
    const auto v4 = read_proxy_header(binary_header() + "rest");
    EXPECT_EQ(v4.is, Is::Whole);
    EXPECT_EQ(v4.size, 28u);
    EXPECT_EQ(v4.source, make_address("1.2.3.4"));
    const auto local = read_proxy_header(kSignature + std::string("\x20\x00\x00\x00", 4));
    EXPECT_EQ(local.is, Is::Whole);
    EXPECT_EQ(local.source, std::nullopt);
}

TEST(ProxyHeaderTest, EveryBeginningOfAHeaderIsPartialAndNeverAsksForTooMuch) {
    for (const std::string& whole :
         {std::string("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443\r\n"), binary_header()}) {
        for (std::size_t i = 0; i < whole.size(); ++i) {
            const auto header = read_proxy_header(std::string_view(whole).substr(0, i));
            EXPECT_EQ(header.is, Is::Partial) << i;
            EXPECT_LE(i + header.size, whole.size()) << i;
            EXPECT_GT(header.size, 0u);
        }
    }
}

TEST(ProxyHeaderTest, OtherBytesAreBad) {
    for (const std::string& bytes :
         {std::string("GET / HTTP/1.1\r\n"), std::string("\x16\x03\x01"),
          std::string("PROXY TCP4 1.2.3.4\r\n"), std::string("PROXY TCP4 ::1 ::2 1 2\r\n"),
          std::string("PROXY TCP4 1.2.3.4 5.6.7.8 70000 1\r\n"),
          std::string("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"),
          std::string("PROXY TCP9 1 2 3 4\r\n"), "PROXY " + std::string(200, 'x'),
          kSignature + std::string("\x31\x11\x00\x0c", 4),
          kSignature + std::string("\x22\x11\x00\x0c", 4),
          kSignature + std::string("\x21\x11\xff\xff", 4),
          kSignature + std::string("\x21\x11\x00\x01x", 5),
          kSignature + std::string("\x21\x21\x00\x0c", 4) + std::string(12, 'x')})
        EXPECT_EQ(read_proxy_header(bytes).is, Is::Bad) << bytes;
}

TEST(NetworksTest, AddressesBelongToTheirNetworks) {
    const auto networks =
        Networks::parse({"10.0.0.0/8", "192.168.1.7", "fd00::/8", "172.16.0.0/12"});
    ASSERT_TRUE(networks);
    for (const char* inside :
         {"10.255.1.2", "192.168.1.7", "fd12::1", "172.31.0.1", "::ffff:10.1.1.1"})
        EXPECT_TRUE(networks->contains(make_address(inside))) << inside;
    for (const char* outside : {"11.0.0.1", "192.168.1.8", "fe80::1", "172.32.0.1", "::10.1.1.1"})
        EXPECT_FALSE(networks->contains(make_address(outside))) << outside;
    for (const char* wrong :
         {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "x", "", "::/129", "10.0.0.0/-1"})
        EXPECT_FALSE(Networks::parse({wrong})) << wrong;
    EXPECT_FALSE(Networks().contains(make_address("127.0.0.1")));
}

TEST(NetworksTest, ForwardedForIsBelievedOnlyAsFarAsTrustedProxiesWroteIt) {
    const auto trusted = *Networks::parse({"10.0.0.0/8"});
    EXPECT_EQ(forwarded_client("6.6.6.6, 1.2.3.4, 10.0.0.1", trusted), make_address("1.2.3.4"));
    EXPECT_EQ(forwarded_client("1.2.3.4:55", trusted), make_address("1.2.3.4"));
    EXPECT_EQ(forwarded_client("[2001:db8::1]:55", trusted), make_address("2001:db8::1"));
    EXPECT_EQ(forwarded_client("2001:db8::1", trusted), make_address("2001:db8::1"));
    EXPECT_EQ(forwarded_client("1.2.3.4, nonsense", trusted), std::nullopt);
    EXPECT_EQ(forwarded_client("10.0.0.1, 10.0.0.2", trusted), std::nullopt);
    EXPECT_EQ(forwarded_client("", trusted), std::nullopt);
}

TEST(ListenAddressTest, FormsOfTheConfigurationAreRead) {
    EXPECT_EQ(parse_listen_address("0.0.0.0:8443")->port, 8443);
    EXPECT_FALSE(parse_listen_address("0.0.0.0:8443")->is_local());
    EXPECT_TRUE(parse_listen_address("localhost:0")->is_local());
    EXPECT_TRUE(parse_listen_address("[::1]:1")->is_local());
    EXPECT_EQ(parse_listen_address("unix:/run/x.sock")->path, "/run/x.sock");
    for (const char* wrong :
         {"", "8443", ":8443", "::1:8443", "[127.0.0.1]:1", "host:1", "127.0.0.1:65536",
          "127.0.0.1:", "unix:", "unix:x"})
        EXPECT_FALSE(parse_listen_address(wrong)) << wrong;
    EXPECT_FALSE(parse_listen_address("unix:/" + std::string(200, 'x')));
}

TEST(ReplyWindowTest, RatiosAreOfTheLastTenMinutes) {
    ReplyWindow window;
    const ReplyWindow::Time start{std::chrono::hours(1)};
    using std::chrono::seconds;
    EXPECT_EQ(window.ratios(start).slow, 0);
    for (int i = 0; i < 8; ++i) window.record(start, seconds(1));
    window.record(start, seconds(4));
    window.record(start, seconds(11));
    EXPECT_DOUBLE_EQ(window.ratios(start).slow, 0.2);
    EXPECT_DOUBLE_EQ(window.ratios(start).drop, 0.1);
    window.record(start + seconds(300), seconds(4));
    EXPECT_DOUBLE_EQ(window.ratios(start + seconds(580)).slow, 3.0 / 11);
    EXPECT_DOUBLE_EQ(window.ratios(start + seconds(610)).slow, 1.0);
    EXPECT_DOUBLE_EQ(window.ratios(start + seconds(3'000)).slow, 0);
}

TEST(RefusedBodyTest, FirstItemIsFoundInABodyThatDoesNotParse) {
    const auto first = find_first_item(
        R"({"value":[{"SubscriptionId" : "s1","clientState":"c1",}, {"subscriptionId":"s2")"
    );
    EXPECT_EQ(first.subscription_id, "s1");
    EXPECT_EQ(first.state_hash, sha256("c1"));
    EXPECT_EQ(find_first_item(R"({"subscriptionId":"cut off)").subscription_id, "");
    EXPECT_EQ(find_first_item(R"("subscriptionId" "x")").subscription_id, "");
    EXPECT_EQ(find_first_item("").subscription_id, "");
}

TEST(RefusedBodyTest, SampleShowsNoClientState) {
    EXPECT_EQ(
        masked_sample(
            R"([{"clientState":"one","a":1},{"CLIENTSTATE" : "t\"wo","b":2},{"clientState":"cut)"
        ),
        R"([{"clientState":"***","a":1},{"CLIENTSTATE" : "***","b":2},{"clientState":"***)"
    );
    const std::string large =
        std::string(kRefusedSampleBytes - 20, ' ') + R"("clientState":"secret-secret")";
    EXPECT_EQ(masked_sample(large).find("sec"), std::string::npos);
    EXPECT_EQ(masked_sample(R"("clientState":"end\)"), R"("clientState":"***)");
}

TEST(RefusedBodyTest, SampleShowsNoValidationToken) {
    EXPECT_EQ(
        masked_sample(R"({"validationTokens" : ["a.b.c","d.e.f"],"clientState":"s","x":[1]})"),
        R"({"validationTokens" : [***],"clientState":"***","x":[1]})"
    );
    EXPECT_EQ(masked_sample(R"({"ValidationTokens":["a.b.)"), R"({"ValidationTokens":[***)");
    EXPECT_EQ(masked_sample(R"({"validationTokens":"a.b"})"), R"({"validationTokens":"***"})");
    EXPECT_EQ(masked_sample(R"({"validationTokens":null})"), R"({"validationTokens":null})");
}

TEST(AdminTokensTest, TokensOpenWhatTheirLineSays) {
    const auto tokens =
        AdminTokens::parse("# who\n\nread: reading-token-0001\r\nrepair:repair-token-0001\n");
    ASSERT_TRUE(tokens);
    EXPECT_EQ(tokens->role_of("Bearer reading-token-0001"), AdminRole::Read);
    EXPECT_EQ(tokens->role_of("bearer repair-token-0001"), AdminRole::Repair);
    for (const char* wrong :
         {"", "Bearer", "Bearer ", "Bearer x", "Basic reading-token-0001", "reading-token-0001"})
        EXPECT_EQ(tokens->role_of(wrong), std::nullopt) << wrong;
    EXPECT_EQ(AdminTokens::parse("")->role_of("Bearer "), std::nullopt);
}

TEST(AdminTokensTest, LineThatIsNoTokenIsNamedButNotShown) {
    for (const char* wrong :
         {"read:short", "other:reading-token-0001", "reading-token-0001-without-role"}) {
        const auto tokens = AdminTokens::parse(std::string("# x\n") + wrong);
        ASSERT_FALSE(tokens) << wrong;
        EXPECT_NE(tokens.error().detail.find("line 2"), std::string::npos);
        EXPECT_EQ(tokens.error().detail.find("0001"), std::string::npos);
    }
}

TEST(AdminTokensTest, OnlyKnownHostsAreServed) {
    for (const char* known :
         {"localhost", "LOCALHOST:9464", "127.0.0.1:1", "[::1]:9464", "ops.internal:9464"})
        EXPECT_TRUE(is_known_host(known, {"ops.internal"})) << known;
    for (const char* other : {"", "evil.example", "localhost.evil.example", "127.0.0.2", "[::2]"})
        EXPECT_FALSE(is_known_host(other, {"ops.internal"})) << other;
}

TEST(BodyBudgetTest, SharesAreGivenBack) {
    BodyBudget budget;
    {
        BodyBudget::Share one;
        BodyBudget::Share two;
        EXPECT_TRUE(one.grow(budget, 60, 100));
        EXPECT_FALSE(two.grow(budget, 50, 100));
        EXPECT_TRUE(two.grow(budget, 40, 100));
        EXPECT_FALSE(one.grow(budget, 61, 100));
        EXPECT_EQ(budget.used(), 100u);
        one.release();
        EXPECT_EQ(budget.used(), 40u);
    }
    EXPECT_EQ(budget.used(), 0u);
}

TEST(ReplyTest, BytesAreThoseOfHttp) {
    ReplyWriter writer;
    const SystemTime now(std::chrono::seconds(784'111'777));
    EXPECT_EQ(
        writer.accepted(now),
        "HTTP/1.1 202 Accepted\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n"
    );
    EXPECT_NE(
        writer.accepted(now + std::chrono::seconds(1)).find("08:49:38"), std::string_view::npos
    );
    std::string out;
    writer.append(out, text_reply(200, "ok\n"), {true, true}, now);
    EXPECT_NE(out.find("Content-Length: 3\r\n"), std::string::npos);
    EXPECT_NE(out.find("Connection: close\r\n"), std::string::npos);
    EXPECT_TRUE(out.ends_with("\r\n\r\n"));
    for (const unsigned status : {200u, 202u, 400u, 404u, 405u, 413u, 415u, 431u, 503u})
        EXPECT_NE(reason_phrase(status), "Reply") << status;
}

}  // namespace
}  // namespace graphhook::receiver
