#pragma once

#include "handlers/user_notification/service.hpp"

#include <chrono>
#include <memory>

namespace graphhook::handlers {

/// A tenant's access of which every step (a token, a request) ends after `timeout` with
/// Errc::Unreachable, however patient what is behind it is. Threads: any.
class TimedAccess final : public NotificationAccess {
  public:
    TimedAccess(std::shared_ptr<NotificationAccess> access, std::chrono::milliseconds timeout);

    [[nodiscard]] std::string graph() const override { return access_->graph(); }
    [[nodiscard]] bool delegated() const override { return access_->delegated(); }
    [[nodiscard]] HttpClient& http() override { return http_; }
    [[nodiscard]] Result<Secret> token(std::stop_token stop) override;
    void refused(const Secret& token, std::string_view claims) override {
        access_->refused(token, claims);
    }

  private:
    class TimedHttp final : public HttpClient {
      public:
        TimedHttp(HttpClient& http, std::chrono::milliseconds timeout)
            : http_(http), timeout_(timeout) {}
        [[nodiscard]] Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop)
            override;

      private:
        HttpClient& http_;
        const std::chrono::milliseconds timeout_;
    };

    const std::shared_ptr<NotificationAccess> access_;
    const std::chrono::milliseconds timeout_;
    TimedHttp http_;
};

}  // namespace graphhook::handlers
