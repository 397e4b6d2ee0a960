#include "tests/emulator/running_emulator.hpp"

#include "core/secret.hpp"
#include "core/time_text.hpp"
#include "emulator/certificates.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace graphhook::emulator::test {

RunningEmulator::RunningEmulator(Options options)
    : directory_(testing::TempDir() + "/emulator-" + random_hex(6)) {
    options.port = 0;
    options.certificates_directory = directory_;
    const bool plain = options.insecure_http;
    emulator_ = Emulator::open(std::move(options), real_clock()).value();
    receiver_certificate_in(
        directory_, authority_in(directory_).value(), {"localhost", "127.0.0.1"}
    )
        .value();
    HttpClientOptions client;
    if (!plain) client.ca_file = (directory_ / "ca.pem").string();
    http_ = make_http_client(client);
    thread_ = std::thread([this] { emulator_->run(); });
    token_ = token();
}

RunningEmulator::~RunningEmulator() {
    emulator_->stop();
    thread_.join();
    std::filesystem::remove_all(directory_);
}

std::string RunningEmulator::Answer::message() const {
    return json.contains("error") ? std::string(json.at("error").at("message").as_string()) : "";
}
std::string RunningEmulator::Answer::code() const {
    return json.contains("error") ? std::string(json.at("error").at("code").as_string()) : "";
}

RunningEmulator::Answer RunningEmulator::raw(HttpRequest request) {
    request.url = base() + request.url;
    Answer answer;
    auto response = http_->send(request, {});
    EXPECT_TRUE(response) << to_string(response.error());
    if (!response) return answer;
    answer.response = std::move(*response);
    boost::system::error_code error;
    auto json = boost::json::parse(answer.response.body, error);
    if (!error && json.is_object()) answer.json = std::move(json.as_object());
    return answer;
}

RunningEmulator::Answer RunningEmulator::call(
    std::string_view method, std::string_view path, const boost::json::object& body
) {
    HttpRequest request;
    request.method = std::string(method);
    request.url = std::string(path);
    request.bearer = token_;
    if (!body.empty()) {
        request.headers.emplace_back("Content-Type", "application/json");
        request.body = boost::json::serialize(body);
    }
    return raw(std::move(request));
}

Secret RunningEmulator::token(std::string_view app) {
    HttpRequest request;
    request.method = "POST";
    request.url = "/c0ffee00-0000-4000-8000-00000000c0de/oauth2/v2.0/token";
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    request.body = "client_id=" + std::string(app) +
                   "&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&client_secret=emulator-"
                   "secret&grant_type=client_credentials";
    const auto answer = raw(std::move(request));
    EXPECT_EQ(answer.status(), 200);
    return answer.status() == 200 ? Secret(std::string(answer.json.at("access_token").as_string()))
                                  : Secret();
}

boost::json::object RunningEmulator::body(
    std::string_view resource, const std::string& url, const std::string& lifecycle_url,
    std::string_view changes
) {
    boost::json::object made;
    made["resource"] = resource;
    made["changeType"] = changes;
    made["notificationUrl"] = url;
    if (!lifecycle_url.empty()) made["lifecycleNotificationUrl"] = lifecycle_url;
    made["expirationDateTime"] = to_text(real_clock().system_now() + std::chrono::minutes(59));
    made["clientState"] = "state-of-the-test";
    return made;
}

std::string RunningEmulator::subscribe(const boost::json::object& body) {
    const auto answer = call("POST", "/v1.0/subscriptions", body);
    EXPECT_EQ(answer.status(), 201) << answer.response.body;
    return answer.status() == 201 ? std::string(answer.json.at("id").as_string()) : "";
}

bool RunningEmulator::wait_until(std::string_view member, std::uint64_t value) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
        const auto status = call("GET", "/emulator/status");
        if (status.json.at(member).to_number<std::uint64_t>() == value) return true;
        std::this_thread::yield();
    }
    return false;
}

}  // namespace graphhook::emulator::test
