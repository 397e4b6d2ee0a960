#pragma once

#include "core/clock.hpp"
#include "emulator/api_error.hpp"
#include "emulator/caller.hpp"
#include "emulator/faults.hpp"
#include "emulator/http.hpp"
#include "emulator/user_notifications/apps.hpp"
#include "emulator/user_notifications/feed.hpp"
#include "emulator/user_notifications/posted.hpp"
#include "emulator/user_notifications/received.hpp"
#include "emulator/user_notifications/user_limits.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace graphhook::emulator {

/// Whose notifications they are: one user's, from one app service (its client id).
struct FeedOwner {
    std::string app;
    std::string tenant;
    std::string user;       ///< id
    std::string user_name;  ///< principal name; empty if it is not known
    bool personal = false;
};

/// The notification service (protocol 10): POST /beta/me/notifications, the users' feeds and their
/// endpoints. Microsoft retired the real one at the end of January 2022.
///
/// An UNSID belongs to an app and a user, is made with the first endpoint and is the same for all
/// of them. It is good until the latest expiry that was told with it, also when every endpoint is
/// signed out meanwhile: what comes then is kept for an endpoint to come. One thread.
class UserNotifications {
  public:
    struct Options {
        PostRules rules;
        /// Limits of a user are obeyed; they are counted in any case.
        bool limits = false;
        /// Of an endpoint's subscription. How long the real ones lived is not known.
        std::chrono::seconds usual_life{30 * 86'400};
        std::size_t most_feeds = 100'000;
    };
    UserNotifications(Options options, const Clock& clock)
        : options_(std::move(options)), clock_(clock), limits_(options_.limits) {}

    /// /beta/me/notifications, with a slash behind or without; there is none below /v1.0/.
    [[nodiscard]] static bool serves(std::string_view path) noexcept;
    /// 405 (any method but POST); nothing otherwise. Before anything else is looked at.
    [[nodiscard]] std::optional<Response> refuse_method(
        const Request& request, const RequestIds& ids
    ) const;
    /// A POST of a caller whose token is good.
    [[nodiscard]] Response post(
        const Request& request, const Caller& caller, const RequestIds& ids
    );
    /// What the fault "user-notification" answers. With the status 200 it is taken all the same.
    [[nodiscard]] Response faulty_post(
        const Request& request, const Caller& caller, const RequestIds& ids, const Fault& fault
    );
    /// Lists a request that `post` never saw.
    void note(const Request& request, const Caller& caller, const Response& response) {
        received_.add(request, caller, response, 0, clock_.system_now());
    }

    struct NewEndpoint {
        FeedOwner owner;
        std::string client;  ///< the app that registers it
        Platform platform = Platform::Windows;
        std::string name;
        std::optional<std::chrono::seconds> life;  ///< absent: the usual one
    };
    /// The endpoint as JSON, with its id, its UNSID and its expiry. Errc::BadInput for a platform
    /// that the app is not registered for, Errc::Full.
    [[nodiscard]] Result<boost::json::object> add_endpoint(NewEndpoint wanted);
    /// Errc::NotFound; Errc::Refused once its subscription is over.
    [[nodiscard]] Result<boost::json::object> renew_endpoint(
        std::string_view id, std::optional<std::chrono::seconds> life
    );
    /// The user signed out there. Errc::NotFound.
    [[nodiscard]] Result<void> remove_endpoint(std::string_view id);
    /// Whether the app `caller.app` registered it for the user `caller.user`.
    [[nodiscard]] bool is_endpoint_of(std::string_view id, const Caller& caller) const;
    /// Of everyone, or only those of `caller` as above.
    [[nodiscard]] boost::json::array endpoints(const Caller* caller = nullptr) const;
    /// The feed that an endpoint reads; null if there is no such endpoint.
    [[nodiscard]] UserFeed* feed_of(std::string_view endpoint) const;
    [[nodiscard]] bool live(std::string_view endpoint) const;

    [[nodiscard]] UserLimits& limits() noexcept { return limits_; }
    [[nodiscard]] CrossDeviceApps& apps() noexcept { return apps_; }
    [[nodiscard]] const ReceivedPosts& received() const noexcept { return received_; }
    /// Counts, for `status`.
    [[nodiscard]] boost::json::object to_json() const;
    /// With `keep` endpoints and registrations stay.
    void clear(bool keep);

    /// Whom the limits of a caller count for.
    [[nodiscard]] static std::string limit_key(std::string_view tenant, std::string_view user);

  private:
    /// `status`: of a success.
    [[nodiscard]] Response take(
        const Request& request, const Caller& caller, const RequestIds& ids, int status
    );
    struct Feed {
        FeedOwner owner;
        std::string unsid;
        SystemTime unsid_expires;  ///< the epoch: never told
        UserFeed feed;
    };
    [[nodiscard]] Result<Feed*> feed_for(const FeedOwner& owner);
    /// Whom the caller means to notify; 403.
    [[nodiscard]] ApiResult<Feed*> recipient(const Request& request, const Caller& caller);
    [[nodiscard]] ApiResult<Feed*> own_feed(const Caller& caller);
    [[nodiscard]] Feed* find_endpoint(std::string_view id) const;
    [[nodiscard]] boost::json::object to_json(const Feed& feed, const FeedEndpoint& endpoint) const;
    [[nodiscard]] Response refuse(const ApiError& error, const RequestIds& ids) const;

    const Options options_;
    const Clock& clock_;
    UserLimits limits_;
    CrossDeviceApps apps_;
    ReceivedPosts received_;
    std::map<std::string, std::unique_ptr<Feed>> feeds_;  // by app, tenant and user
    std::unordered_map<std::string, Feed*> by_unsid_;
    std::unordered_map<std::string, Feed*> by_endpoint_;
};

}  // namespace graphhook::emulator
