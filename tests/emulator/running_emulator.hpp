#pragma once

#include "core/http_client.hpp"
#include "emulator/emulator.hpp"

#include <boost/json/object.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace graphhook::emulator::test {

/// An emulator on a thread of its own, over TLS with certificates in a fresh directory, and a
/// client that has a token.
class RunningEmulator {
  public:
    /// Fills in port, directory and a receiver's certificate.
    explicit RunningEmulator(Options options = {});
    ~RunningEmulator();
    RunningEmulator(const RunningEmulator&) = delete;
    RunningEmulator& operator=(const RunningEmulator&) = delete;

    [[nodiscard]] std::string receiver_certificate() const {
        return (directory_ / "receiver.crt").string();
    }
    [[nodiscard]] std::string receiver_key() const {
        return (directory_ / "receiver.key").string();
    }
    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
    [[nodiscard]] std::string base() const { return emulator_->base_url(); }

    [[nodiscard]] std::uint16_t managed_identity_port() const {
        return emulator_->managed_identity_port();
    }

    struct Answer {
        HttpResponse response;
        boost::json::object json;  ///< empty if the body is none
        [[nodiscard]] int status() const { return response.status; }
        /// {"error":{"message": …}}
        [[nodiscard]] std::string message() const;
        [[nodiscard]] std::string code() const;
    };
    /// With the token, and the body as JSON unless it is empty.
    Answer call(
        std::string_view method, std::string_view path, const boost::json::object& body = {}
    );
    /// As given, without a token.
    Answer raw(HttpRequest request);
    /// A token for the app; the test ends if there is none.
    Secret token(std::string_view app = "app-1");

    /// The body of a create for an hour, with both URLs.
    static boost::json::object body(
        std::string_view resource, const std::string& url, const std::string& lifecycle_url = {},
        std::string_view changes = "updated"
    );
    /// Creates it and returns its id; the test fails if it is refused.
    std::string subscribe(const boost::json::object& body);
    /// Asks for the status until `member` is `value`, for 20 seconds at most.
    bool wait_until(std::string_view member, std::uint64_t value);

  private:
    std::filesystem::path directory_;
    std::unique_ptr<HttpClient> http_;
    std::unique_ptr<Emulator> emulator_;
    std::thread thread_;
    Secret token_;
};

}  // namespace graphhook::emulator::test
