#pragma once

#include "core/clock.hpp"
#include "core/http_client.hpp"
#include "handlers/builtin/signature.hpp"
#include "handlers/handler.hpp"
#include "handlers/options.hpp"

#include <memory>
#include <optional>

namespace graphhook::handlers {

/// Whose fault an HTTP status is. Pure.
///
/// Only 400, 410, 413, 415 and 422 speak about the item. Everything else that is not 2xx is the
/// target's: what is listed in docs/handlers.md, redirects (never followed), and the remaining 4xx
/// (402, 405, 406, 411, 423, 451 …) too, since they tell of a wrong URL, method, licence or proxy,
/// which would otherwise kill every delivery in a few minutes.
[[nodiscard]] Outcome outcome_of_status(
    int status, std::optional<std::chrono::milliseconds> retry_after
);

/// Posts deliveries as JSON. With `batch` 1 the body is the object that `file` writes as a line,
/// above 1 it is {"value": [ … ]}. A batch that is refused with an answer about an item is sent
/// again in halves until the item is alone, so that it does not cost its neighbours.
class HttpHandler final : public Handler {
  public:
    /// `workers`: so many call it at once, and each keeps its connection. `resource_data`: what is
    /// posted has the decrypted resource too. Errc::BadInput: the URL is not http or https, or the
    /// secret is not readable.
    [[nodiscard]] static Result<std::unique_ptr<HttpHandler>> make(
        HttpOptions options, Clock& clock, std::uint32_t workers = 1, bool resource_data = false
    );
    HttpHandler(
        HttpOptions options, std::unique_ptr<HttpClient> client, std::optional<Signer> signer,
        Clock& clock, bool resource_data = false
    );

    [[nodiscard]] std::size_t batch_limit() const override { return options_.batch; }
    [[nodiscard]] bool wants_data() const override { return resource_data_; }
    [[nodiscard]] std::vector<Outcome> handle(std::span<const Delivery> batch, std::stop_token stop)
        override;
    /// What one call may take at most, splitting included.
    [[nodiscard]] static std::chrono::milliseconds time_limit(const HttpOptions& options);

  private:
    Outcome post(std::span<const Delivery> batch, const std::stop_token& stop);
    void deliver(
        std::span<const Delivery> batch, SteadyTime until, const std::stop_token& stop,
        std::vector<Outcome>& outcomes
    );

    const HttpOptions options_;
    const std::unique_ptr<HttpClient> client_;
    const std::optional<Signer> signer_;
    Clock& clock_;
    const bool resource_data_;
};

}  // namespace graphhook::handlers
