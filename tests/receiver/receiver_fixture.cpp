#include "tests/receiver/receiver_fixture.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <thread>

namespace graphhook::receiver {

std::string item_json(std::string_view extra, std::string_view state) {
    return fmt::format(
        R"({{{}"subscriptionId":"{}","clientState":"{}","changeType":"updated",)"
        R"("resource":"users/a/messages/m1","tenantId":"{}"}})",
        extra, kSubscription, state, kTenantId
    );
}

std::string body_of(std::string_view items) {
    return fmt::format(R"({{"value":[{}]}})", items);
}

SystemTime SteppedClock::system_now() const {
    return real_clock().system_now() + std::chrono::milliseconds(ahead_.load());
}

SteadyTime SteppedClock::steady_now() const {
    return real_clock().steady_now() + std::chrono::milliseconds(ahead_.load());
}

ReceiverFixture::ReceiverFixture() {
    std::string name = (std::filesystem::temp_directory_path() / "graphhook.XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
}

ReceiverFixture::~ReceiverFixture() {
    journal_.hold(false);
    receiver_.reset();
    std::filesystem::remove_all(directory_);
}

void ReceiverFixture::start(ReceiverOptions options) {
    if (options.listen == ReceiverOptions().listen) options.listen = "127.0.0.1:0";
    options.base_path = "/graph";
    options.threads = 2;
    options.tenant_ids = {{"contoso", std::string(kTenantId)}};
    options_ = options;
    receiver_ = std::make_unique<Receiver>(
        options, journal_, clock_, metrics_, health_, nullptr, unsid_desk_
    );
    const auto started = receiver_->start();
    ASSERT_TRUE(started) << to_string(started.error());
    health_.set(Health::State::Ready);
}

void ReceiverFixture::start_tls(ReceiverOptions options) {
    certificate_ = test::make_certificate();
    const auto files = test::write_certificate(directory_, certificate_);
    if (!options.tls) options.tls.emplace();
    options.tls->certificate = files.certificate;
    options.tls->private_key = files.private_key;
    start(std::move(options));
}

test::HttpPeer ReceiverFixture::peer() const {
    return test::HttpPeer::tcp(receiver_->port());
}

test::HttpPeer ReceiverFixture::tls_peer() const {
    auto peer = test::HttpPeer::tcp(receiver_->port());
    test::HttpPeer::Tls tls;
    tls.trusted = certificate_.certificate;
    EXPECT_TRUE(peer.start_tls(tls));
    return peer;
}

double ReceiverFixture::metric(
    const std::string& name, const std::map<std::string, std::string>& labels
) const {
    for (const auto& family : registry_->Collect()) {
        if (family.name != name) continue;
        for (const auto& metric : family.metric) {
            std::map<std::string, std::string> found;
            for (const auto& label : metric.label) found[label.name] = label.value;
            if (found != labels) continue;
            if (family.type == prometheus::MetricType::Gauge) return metric.gauge.value;
            if (family.type == prometheus::MetricType::Histogram)
                return static_cast<double>(metric.histogram.sample_count);
            return metric.counter.value;
        }
    }
    return 0;
}

bool ReceiverFixture::eventually(const std::function<bool()>& condition) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::yield();
    }
    return true;
}

}  // namespace graphhook::receiver
