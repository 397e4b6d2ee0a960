#pragma once

#include "core/clock.hpp"
#include "core/digest.hpp"
#include "core/http_client.hpp"
#include "subscriptions/credentials/token_cache.hpp"
#include "subscriptions/credentials/token_source.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"
#include "tests/subscriptions/imposter.hpp"
#include "tests/support/hand_clock.hpp"

#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::subscriptions::test {

/// 2026-11-21T08:00:00Z
inline constexpr SystemTime kStart{std::chrono::seconds(1'795'248'000)};

class SteppedClock final : public graphhook::test::HandClock {
  public:
    SteppedClock() : HandClock(kStart) {}
};

/// A folder that goes with the test.
class TestFolder {
  public:
    TestFolder();
    TestFolder(const TestFolder&) = delete;
    TestFolder& operator=(const TestFolder&) = delete;
    ~TestFolder();
    [[nodiscard]] std::string file(const std::string& name) const {
        return (path_ / name).string();
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

void write_file(const std::string& path, const std::string& text);
/// Also the time of change is new, however coarse the file system counts.
void replace_file(const std::string& path, const std::string& text);
std::string read_file(const std::string& path);

/// A key and a certificate for it, made for the test.
struct MadeCertificate {
    std::string certificate;  ///< PEM.
    std::string key;          ///< PEM.
};
MadeCertificate make_certificate(SystemTime not_before, SystemTime not_after);
/// An elliptic key, which is not for assertions.
std::string make_elliptic_key();

/// name=value&…, decoded.
std::map<std::string, std::string> read_form(const std::string& body);

/// The identity platform as an imposter, and a tenant whose tokens come from it.
class CredentialsTest : public ::testing::Test {
  protected:
    CredentialsTest();

    /// What the platform says from now on.
    void say(int status, std::string body, Imposter::Reply base = {});
    void say_token(const std::string& value, int lives = 3600, const std::string& more = "");
    [[nodiscard]] std::unique_ptr<TokenSource> make();
    [[nodiscard]] std::size_t asked() const { return login_.requests().size(); }
    /// Of the last request.
    [[nodiscard]] std::map<std::string, std::string> form() const {
        return read_form(login_.requests().back().body);
    }
    [[nodiscard]] std::string metrics_text() const {
        return prometheus::TextSerializer().Serialize(registry_.Collect());
    }

    std::mutex mutex_;
    Imposter::Reply reply_;  // guarded by mutex_
    Imposter login_{[this](const Imposter::Request&) {
        const std::lock_guard lock(mutex_);
        return reply_;
    }};
    std::unique_ptr<HttpClient> http_ = make_http_client({.timeout = std::chrono::seconds(10)});
    SteppedClock clock_;
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    std::shared_ptr<TokenCache> cache_ = std::make_shared<TokenCache>();
    Tenant tenant_;
    /// Waits by moving the clock, and says how long.
    std::vector<std::chrono::milliseconds> waits_;
};

/// "token", or what went wrong.
std::string text_of(const GraphResult<Secret>& token);

}  // namespace graphhook::subscriptions::test
