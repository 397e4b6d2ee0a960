#include "receiver/tls_context.hpp"
#include "tests/receiver/receiver_fixture.hpp"

#include <openssl/ssl.h>

#include <fstream>

namespace graphhook::receiver {
namespace {

using test::get;
using test::HttpPeer;

class TlsTest : public ReceiverFixture {
  protected:
    TlsOptions files(const test::CertificateText& text) const {
        const auto written = test::write_certificate(directory_, text);
        return {written.certificate, written.private_key, "1.2"};
    }
};

TEST_F(TlsTest, VersionsAreOneTwoAndOneThree) {
    start_tls();
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        auto one = peer();
        HttpPeer::Tls tls;
        tls.version = version;
        ASSERT_TRUE(one.start_tls(tls));
        EXPECT_EQ(one.ask(get("/livez"))->status, 200);
    }
    auto old = peer();
    HttpPeer::Tls tls;
    tls.version = TLS1_1_VERSION;
    tls.ciphers = "DEFAULT:@SECLEVEL=0";
    EXPECT_FALSE(old.start_tls(tls));
}

TEST_F(TlsTest, OnlyForwardSecretAeadCiphersAreTaken) {
    start_tls();
    HttpPeer::Tls tls;
    tls.version = TLS1_2_VERSION;
    tls.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
    EXPECT_TRUE(peer().start_tls(tls));
    tls.ciphers = "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256";
    EXPECT_FALSE(peer().start_tls(tls));
}

TEST_F(TlsTest, LeastVersionCanBeRaised) {
    ReceiverOptions options;
    options.tls = TlsOptions{{}, {}, "1.3"};
    start_tls(options);
    HttpPeer::Tls tls;
    tls.version = TLS1_2_VERSION;
    EXPECT_FALSE(peer().start_tls(tls));
    tls.version = TLS1_3_VERSION;
    EXPECT_TRUE(peer().start_tls(tls));
}

TEST_F(TlsTest, SessionsAreResumed) {
    start_tls();
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        HttpPeer::Tls tls;
        tls.version = version;
        auto first = peer();
        ASSERT_TRUE(first.start_tls(tls));
        ASSERT_EQ(first.ask(get("/livez"))->status, 200);
        EXPECT_FALSE(first.was_resumed());
        SSL_SESSION* const session = first.session();
        tls.session = session;
        auto second = peer();
        EXPECT_TRUE(second.start_tls(tls));
        EXPECT_TRUE(second.was_resumed()) << version;
        EXPECT_EQ(second.ask(get("/livez"))->status, 200);
        SSL_SESSION_free(session);
    }
}

TEST_F(TlsTest, NewCertificateIsTakenUpAndNoConnectionIsDropped) {
    start_tls();
    auto before = tls_peer();
    ASSERT_EQ(before.ask(get("/livez"))->status, 200);
    const auto renewed = test::make_certificate("localhost", std::chrono::hours(2));
    test::write_certificate(directory_, renewed);
    ASSERT_TRUE(receiver_->reload_certificate());
    EXPECT_EQ(before.ask(get("/livez"))->status, 200);
    auto after = peer();
    HttpPeer::Tls tls;
    tls.trusted = renewed.certificate;
    ASSERT_TRUE(after.start_tls(tls));
    EXPECT_EQ(after.server_certificate(), renewed.certificate);
    EXPECT_GT(
        metric("graphhook_tls_certificate_expiry_timestamp_seconds"),
        std::chrono::duration<double>(
            real_clock().system_now().time_since_epoch() + std::chrono::minutes(90)
        )
            .count()
    );
    EXPECT_EQ(before.ask(get("/livez"))->status, 200);
}

TEST_F(TlsTest, FilesThatAreNoPairAreNotTakenUp) {
    start_tls();
    const auto other = test::make_certificate();
    std::ofstream(directory_ / "server.crt") << other.certificate;
    const auto reloaded = receiver_->reload_certificate();
    ASSERT_FALSE(reloaded);
    EXPECT_EQ(metric("graphhook_tls_reloads_total", {{"outcome", "refused"}}), 1);
    EXPECT_EQ(tls_peer().ask(get("/livez"))->status, 200) << "the old pair serves";
}

TEST_F(TlsTest, ChangeIsSeenByPollingOnceTheFilesHaveSettled) {
    const auto first = test::make_certificate();
    auto context = TlsContext::open(files(first));
    ASSERT_TRUE(context);
    TlsReport report;
    EXPECT_FALSE((*context)->poll(report)) << "nothing changed";
    const auto second = test::make_certificate();
    const auto written = files(second);
    EXPECT_FALSE((*context)->poll(report)) << "changed just now, perhaps not yet both";
    EXPECT_TRUE((*context)->poll(report));
    EXPECT_TRUE(report.taken) << report.error;
    EXPECT_FALSE((*context)->poll(report));
    std::ofstream(written.private_key) << first.private_key;
    EXPECT_FALSE((*context)->poll(report));
    const auto kept = (*context)->current();
    EXPECT_TRUE((*context)->poll(report));
    EXPECT_FALSE(report.taken);
    EXPECT_NE(report.error, "");
    EXPECT_EQ((*context)->current(), kept);
    EXPECT_FALSE((*context)->poll(report)) << "said once, not every two seconds";
}

TEST_F(TlsTest, WrongFilesAreRefusedByName) {
    auto options = files(test::make_certificate());
    options.certificate = directory_ / "missing.crt";
    const auto missing = TlsContext::open(options);
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().detail.find("missing.crt"), std::string::npos);
    options = files(test::make_certificate());
    std::ofstream(options.private_key) << "no key";
    EXPECT_FALSE(TlsContext::open(options));
    options = files(test::make_certificate());
    options.min_version = "1.1";
    EXPECT_FALSE(TlsContext::open(options));
}

TEST_F(TlsTest, BytesThatAreNoTlsAreCountedAndClosed) {
    start_tls();
    auto one = peer();
    ASSERT_TRUE(one.send(get("/livez")));
    EXPECT_TRUE(one.closed_by_server());
    EXPECT_EQ(metric("graphhook_connections_dropped_total", {{"reason", "tls_handshake"}}), 1);
}

}  // namespace
}  // namespace graphhook::receiver
