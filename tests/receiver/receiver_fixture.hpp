#pragma once

#include "receiver/receiver.hpp"
#include "tests/receiver/fake_journal.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/http_peer.hpp"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace graphhook::receiver {

/// An item of ours, `extra` being further members ("…,").
std::string item_json(std::string_view extra = {}, std::string_view state = kState);
/// {"value":[…]}
std::string body_of(std::string_view items);

/// A clock that tests move; starts at the real time.
class SteppedClock final : public Clock {
  public:
    SystemTime system_now() const override;
    SteadyTime steady_now() const override;
    void advance(std::chrono::milliseconds by) { ahead_ += by.count(); }

  private:
    std::atomic<std::int64_t> ahead_{0};
};

/// A receiver on loopback over a FakeJournal, in a directory of its own.
class ReceiverFixture : public testing::Test {
  public:
    ~ReceiverFixture() override;

  protected:
    ReceiverFixture();

    /// Starts with `options` (listen, base path and two threads are set here).
    void start(ReceiverOptions options = {});
    void start_tls(ReceiverOptions options = {});
    [[nodiscard]] test::HttpPeer peer() const;
    /// Connected by TLS that trusts our certificate and nothing else.
    [[nodiscard]] test::HttpPeer tls_peer() const;
    /// The value of a metric with exactly these labels; 0 if there is none.
    [[nodiscard]] double metric(
        const std::string& name, const std::map<std::string, std::string>& labels = {}
    ) const;
    /// Waits at most ten seconds for it.
    [[nodiscard]] bool eventually(const std::function<bool()>& condition) const;

    std::filesystem::path directory_;
    SteppedClock clock_;
    FakeJournal journal_;
    std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
    Metrics metrics_{*registry_};
    Health health_;
    test::CertificateText certificate_;
    ReceiverOptions options_;
    UnsidDesk* unsid_desk_ = nullptr;  ///< What start() gives the receiver.
    std::unique_ptr<Receiver> receiver_;
};

}  // namespace graphhook::receiver
