#include "emulator/prober.hpp"

#include "core/log.hpp"
#include "emulator/subscription.hpp"

#include <fmt/format.h>

#include <array>
#include <cctype>

namespace graphhook::emulator {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kFailed = "Subscription validation request failed. ";

/// The name that Graph's messages have for a status.
std::string status_name(int status) {
    constexpr auto kNames = std::to_array<std::pair<int, std::string_view>>({
        {201, "Created"},
        {202, "Accepted"},
        {204, "NoContent"},
        {301, "MovedPermanently"},
        {302, "Redirect"},
        {307, "TemporaryRedirect"},
        {308, "PermanentRedirect"},
        {400, "BadRequest"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "NotFound"},
        {405, "MethodNotAllowed"},
        {411, "LengthRequired"},
        {413, "RequestEntityTooLarge"},
        {415, "UnsupportedMediaType"},
        {429, "TooManyRequests"},
        {500, "InternalServerError"},
        {502, "BadGateway"},
        {503, "ServiceUnavailable"},
        {504, "GatewayTimeout"},
    });
    for (const auto& [value, name] : kNames) {
        if (value == status) return std::string(name);
    }
    return fmt::format("{}", status);
}

bool is_plain_text(std::string_view type) {
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ')) type.remove_suffix(1);
    constexpr std::string_view kPlain = "text/plain";
    return std::equal(type.begin(), type.end(), kPlain.begin(), kPlain.end(), [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == b;
    });
}

}  // namespace

std::string validation_token(std::string_view request_id) {
    return fmt::format(
        "Validation: Testing client application reachability for subscription Request-Id: {}",
        request_id
    );
}

std::string validation_target(std::string_view target, std::string_view token) {
    return fmt::format(
        "{}{}validationToken={}", target, target.find('?') == std::string_view::npos ? '?' : '&',
        form_encode(token)
    );
}

std::optional<ApiError> judge_handshake(const Sent& sent, std::string_view token) {
    const auto refuse = [](std::string_view reason) {
        return ApiError{400, "InvalidRequest", fmt::format("{}{}", kFailed, reason)};
    };
    switch (sent.end) {
        case Sent::End::TimedOut:
            return ApiError{400, "InvalidRequest", "Subscription validation request timed out."};
        case Sent::End::Unreachable:
            return ApiError{
                400, "ValidationError",
                fmt::format(
                    "{}Notification endpoint must respond with 200 OK to validation request.",
                    kFailed
                )
            };
        case Sent::End::Answered:
            break;
    }
    if (sent.status != 200)
        return refuse(fmt::format("HTTP status code is '{}'.", status_name(sent.status)));
    if (!is_plain_text(sent.type)) return refuse("Response content type must be text/plain.");
    if (sent.body != token)
        return refuse("Response must exactly match validationToken query parameter.");
    return std::nullopt;
}

asio::awaitable<std::optional<ApiError>> Prober::probe(std::string text) {
    const auto url = parse_url(text);
    if (!url) co_return ApiError{400, "InvalidRequest", "The notification URL is no URL."};
    const auto token = validation_token(random_guid());
    const auto target = validation_target(url->target, token);
    Connection connection(io_.get_executor(), tls_, *url);
    open_.insert(&connection);
    Outgoing outgoing;
    outgoing.target = target;
    outgoing.type = "text/plain; charset=utf-8";
    outgoing.accept = "text/plain";
    const Sent sent = co_await connection.post(outgoing, timeout_);
    open_.erase(&connection);
    ++stats_.handshakes;
    auto refused = judge_handshake(sent, token);
    if (refused) {
        ++stats_.handshakes_failed;
        log().warn(
            "handshake failed url={} status={} reason=\"{}\" detail=\"{}\"", for_log(text),
            sent.status, refused->message, for_log(sent.trouble)
        );
    } else {
        log().info(
            "handshake answered url={} milliseconds={}", for_log(text), sent.time.count() / 1000
        );
    }
    co_return refused;
}

void Prober::stop() {
    for (auto* connection : open_) connection->close();
}

}  // namespace graphhook::emulator
