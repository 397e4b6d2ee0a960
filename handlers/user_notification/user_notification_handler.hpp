#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "handlers/handler.hpp"
#include "handlers/options.hpp"
#include "handlers/user_notification/notification.hpp"
#include "handlers/user_notification/service.hpp"
#include "handlers/user_notification/template.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace graphhook::handlers {

/// Each change becomes a user notification for the user whose resource changed.
///
/// Who is told: the user of the resource ("Users/{guid}/…"), by the UNSID that was handed in last
/// for that user; with a delegated tenant, the signed-in user of the tenant, whatever the resource
/// says. Every attempt at a delivery says the same: appNotificationId, expirationDateTime and
/// content follow from the delivery alone, so that a second one replaces the first where the
/// service took both. Expiry counts from the time of receipt: what comes too late is dead, and
/// never sent.
///
/// Reasons that begin with a label: "no_unsid: " (the user has no live UNSID), "no_user: " (the
/// resource names no user by id), "no_tenant: " (the tenant is not configured any more).
///
/// Threads: any; a post needs a second thread that watches its time.
class UserNotificationHandler final : public Handler {
  public:
    /// Errc::BadInput: what `check_options` says. `clock` and `world` must outlive it.
    [[nodiscard]] static Result<std::unique_ptr<UserNotificationHandler>> make(
        std::string name, UserNotificationOptions options, bool resource_data, Clock& clock,
        NotificationWorld& world
    );

    [[nodiscard]] bool wants_data() const override { return resource_data_; }
    [[nodiscard]] std::vector<Outcome> handle(std::span<const Delivery> batch, std::stop_token stop)
        override;

    /// What is posted for a delivery; not checked. Pure.
    [[nodiscard]] UserNotification notification_for(const Delivery& delivery) const;
    /// What one call may take: a token and two posts, and what the store needs.
    [[nodiscard]] static std::chrono::milliseconds time_limit(const UserNotificationOptions& options
    );

  private:
    struct Texts {
        Template title, body, raw, group, app_notification_id, priority, fallback_title,
            fallback_body;
    };
    UserNotificationHandler(
        std::string name, UserNotificationOptions options, Texts texts, bool resource_data,
        Clock& clock, NotificationWorld& world
    );
    [[nodiscard]] Outcome handle_one(const Delivery& delivery, const std::stop_token& stop);
    [[nodiscard]] std::optional<SystemTime> expiry_of(const Delivery& delivery) const;

    const std::string name_;
    const UserNotificationOptions options_;
    const Texts texts_;
    const TemplateValues::Wanted wanted_;
    const bool resource_data_;
    Clock& clock_;
    NotificationWorld& world_;
};

}  // namespace graphhook::handlers
