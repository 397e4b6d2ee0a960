#include "handlers/builtin/http_handler.hpp"

#include "core/digest.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "handlers/envelope.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace graphhook::handlers {
namespace {

using std::chrono::milliseconds;

/// So many time-outs one batch may take while it is being halved.
constexpr int kRounds = 3;

/// Safe in a header, whatever Graph put into it.
std::string header_value(std::string_view text) {
    std::string safe(text);
    std::replace_if(safe.begin(), safe.end(), [](char c) { return c < 0x20 || c == 0x7f; }, '_');
    return safe;
}

/// The same for the same deliveries, and only for them.
std::string batch_key(std::span<const Delivery> batch) {
    std::string ids;
    for (const auto& delivery : batch) {
        ids += delivery.id;
        ids += ' ';
    }
    return "batch-" + to_hex(key128(ids));
}

bool is_about_the_item(const Outcome& outcome) {
    return outcome.kind == Outcome::Kind::RetryAfter && outcome.blame == Outcome::Blame::Item;
}

}  // namespace

Outcome outcome_of_status(int status, std::optional<milliseconds> retry_after) {
    if (status >= 200 && status < 300) return Outcome::done();
    auto reason = fmt::format("HTTP {}", status);
    switch (status) {
        case 400:
        case 410:
        case 413:
        case 415:
        case 422:
            return Outcome::retry_item(std::move(reason), retry_after);
        default:
            return Outcome::retry_target(std::move(reason), retry_after);
    }
}

Result<std::unique_ptr<HttpHandler>> HttpHandler::make(
    HttpOptions options, Clock& clock, std::uint32_t workers, bool resource_data
) {
    if (!options.url.starts_with("http://") && !options.url.starts_with("https://")) {
        return fail(Errc::BadInput, "the URL must begin with https:// or http://");
    }
    std::optional<Signer> signer;
    if (!options.secret.empty()) {
        auto made = Signer::make(options.secret);
        if (made.has_error()) return made.error();
        signer = std::move(*made);
    }
    options.batch = std::max<std::size_t>(options.batch, 1);
    HttpClientOptions client;
    // The status alone decides.
    client.max_response_bytes = 64u << 10;
    client.cut_long_responses = true;
    client.connect_timeout = options.connect_timeout;
    client.timeout = options.timeout;
    client.ca_file = options.ca_file;
    client.max_idle_connections = std::max<long>(client.max_idle_connections, workers);
    return std::make_unique<HttpHandler>(
        std::move(options), make_http_client(std::move(client)), std::move(signer), clock,
        resource_data
    );
}

HttpHandler::HttpHandler(
    HttpOptions options, std::unique_ptr<HttpClient> client, std::optional<Signer> signer,
    Clock& clock, bool resource_data
)
    : options_(std::move(options)),
      client_(std::move(client)),
      signer_(std::move(signer)),
      clock_(clock),
      resource_data_(resource_data) {
}

milliseconds HttpHandler::time_limit(const HttpOptions& options) {
    // The last request begins before the rounds are over and may take one more.
    const int rounds = options.batch > 1 ? kRounds + 1 : 1;
    return options.timeout * rounds + milliseconds(10'000);
}

std::vector<Outcome> HttpHandler::handle(std::span<const Delivery> batch, std::stop_token stop) {
    std::vector<Outcome> outcomes;
    outcomes.reserve(batch.size());
    deliver(batch, clock_.steady_now() + options_.timeout * kRounds, stop, outcomes);
    return outcomes;
}

void HttpHandler::deliver(
    std::span<const Delivery> batch, SteadyTime until, const std::stop_token& stop,
    std::vector<Outcome>& outcomes
) {
    auto outcome = clock_.steady_now() < until
                       ? post(batch, stop)
                       : Outcome::retry_target("no time left to find the refused one of its batch");
    if (batch.size() > 1 && is_about_the_item(outcome)) {
        const std::size_t half = batch.size() / 2;
        deliver(batch.first(half), until, stop, outcomes);
        deliver(batch.subspan(half), until, stop, outcomes);
        return;
    }
    outcomes.insert(outcomes.end(), batch.size(), outcome);
}

Outcome HttpHandler::post(std::span<const Delivery> batch, const std::stop_token& stop) {
    HttpRequest request;
    request.method = "POST";
    request.url = options_.url;
    request.headers.emplace_back("Content-Type", "application/json");
    std::string key;
    if (options_.batch == 1) {
        const auto& delivery = batch.front();
        append_envelope(request.body, delivery, resource_data_);
        key = delivery.id;
        request.headers.emplace_back("X-Graphhook-Id", delivery.id);
        request.headers.emplace_back("X-Graphhook-Attempt", std::to_string(delivery.attempt));
        request.headers.emplace_back(
            "X-Graphhook-Subscription", header_value(delivery.subscription)
        );
        request.headers.emplace_back("X-Graphhook-Kind", header_value(delivery.kind));
        request.headers.emplace_back("X-Graphhook-Change", header_value(delivery.change));
        if (delivery.replayed) request.headers.emplace_back("X-Graphhook-Replayed", "true");
    } else {
        request.body = R"({"value":[)";
        for (std::size_t i = 0; i < batch.size(); ++i) {
            if (i > 0) request.body += ',';
            append_envelope(request.body, batch[i], resource_data_);
        }
        request.body += "]}";
        key = batch_key(batch);
    }
    request.headers.emplace_back("Idempotency-Key", key);
    if (signer_) {
        for (auto& header : signer_->headers(key, clock_.system_now(), request.body)) {
            request.headers.push_back(std::move(header));
        }
    }
    for (const auto& header : options_.headers) request.headers.push_back(header);

    const auto response = client_->send(request, stop);
    if (response.has_error()) return Outcome::retry_target(for_log(to_string(response.error())));
    std::optional<milliseconds> retry_after;
    if (const auto text = response->header("retry-after")) {
        const auto wait = parse_retry_after(*text, clock_.system_now());
        if (wait.has_value()) retry_after = *wait;
    }
    return outcome_of_status(response->status, retry_after);
}

}  // namespace graphhook::handlers
