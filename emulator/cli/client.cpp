#include "emulator/cli/client.hpp"

#include "emulator/certificates.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <filesystem>

namespace graphhook::emulator::cli {
namespace {

/// The reason in {"error":{"message":…}}, or else the status.
std::string reason_of(const HttpResponse& response) {
    boost::system::error_code error;
    const auto json = boost::json::parse(response.body, error);
    if (!error) {
        const auto* message = json.find_pointer("/error/message", error);
        if (message != nullptr && message->is_string()) return std::string(message->as_string());
    }
    return fmt::format("status {}", response.status);
}

std::string ca_of(const Target& target) {
    if (!target.ca.empty()) return target.ca;
    const std::filesystem::path directory =
        target.certificates_directory.empty()
            ? default_certificates_directory()
            : std::filesystem::path(target.certificates_directory);
    std::error_code error;
    return std::filesystem::exists(directory / "ca.pem", error) ? (directory / "ca.pem").string()
                                                                : std::string{};
}

}  // namespace

Client::Client(const Target& target) : url_(target.url) {
    while (url_.ends_with('/')) url_.pop_back();
    HttpClientOptions options;
    options.ca_file = ca_of(target);
    options.connect_timeout = std::chrono::seconds(5);
    options.max_response_bytes = 256u << 20;
    options.user_agent = "graph-emulator";
    http_ = make_http_client(std::move(options));
}

Result<boost::json::object> Client::send(std::string_view method, std::string_view path) {
    HttpRequest request;
    request.method = std::string(method);
    request.url = url_ + std::string(path);
    return transfer(request);
}

Result<boost::json::object> Client::send(
    std::string_view method, std::string_view path, const boost::json::object& body
) {
    HttpRequest request;
    request.method = std::string(method);
    request.url = url_ + std::string(path);
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = boost::json::serialize(body);
    return transfer(request);
}

Result<boost::json::object> Client::transfer(const HttpRequest& request) {
    const auto response = http_->send(request, {});
    if (!response)
        return fail(response.error().code, fmt::format("{}: {}", url_, response.error().detail));
    if (response->status < 200 || response->status > 299)
        return fail(Errc::Refused, reason_of(*response));
    boost::system::error_code error;
    auto json = boost::json::parse(response->body, error);
    if (error || !json.is_object())
        return fail(Errc::Refused, fmt::format("{} does not answer like graph-emulator", url_));
    return std::move(json.as_object());
}

}  // namespace graphhook::emulator::cli
