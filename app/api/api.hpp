#pragma once

#include "core/clock.hpp"
#include "receiver/admin_api.hpp"
#include "store/store.hpp"
#include "subscriptions/manager.hpp"

#include <boost/json/value.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::app {

class KeyFolder;
class UnprovedWatch;

/// What the command line calls: docs/admin-api.md. Threads: any that may block; everything it needs
/// must outlive it.
class Api final : public receiver::AdminApi {
  public:
    struct Parts {
        store::Store& store;
        subscriptions::SubscriptionManager& subscriptions;
        Clock& clock;
        /// "starting", "ready", "draining".
        std::function<std::string_view()> state;
        SystemTime started_at;
        KeyFolder* keys = nullptr;          ///< nullptr: there are no encryption keys to show.
        UnprovedWatch* unproved = nullptr;  ///< nullptr: nobody says why rich items wait.
    };
    explicit Api(Parts parts) : parts_(std::move(parts)) {}

    [[nodiscard]] receiver::AdminReply call(const receiver::AdminRequest& request) override;

  private:
    struct ApiReply {
        unsigned status = 200;
        boost::json::value body;
    };
    using Segments = std::vector<std::string>;
    static ApiReply refusal(unsigned status, std::string why);
    static ApiReply refusal(const Error& error);
    static ApiReply not_found();
    using Query = std::function<std::string(std::string_view)>;

    ApiReply answer(const receiver::AdminRequest& request);
    ApiReply get(const Segments& path, const Query& query);
    ApiReply post(const Segments& path, const boost::json::value& body);
    ApiReply status();
    /// `only`: whatever state the query asks for.
    ApiReply list_deliveries(const Query& query, std::optional<store::DeliveryState> only);
    ApiReply list_keys();
    // About subscriptions, in api_subscriptions.cpp. Absent: not one of theirs.
    std::optional<ApiReply> get_subscriptions(const Segments& path, const Query& query);
    std::optional<ApiReply> post_subscriptions(
        const Segments& path, const boost::json::value& body
    );
    ApiReply show_subscription(const std::string& name);
    ApiReply plan(const Query& query);
    ApiReply move_deliveries(const std::string& what, const boost::json::value& body);
    ApiReply pause(const std::string& handler, bool paused);
    // About UNSIDs, in api_unsids.cpp.
    ApiReply list_unsids(const Query& query);
    ApiReply drop_unsids(const boost::json::value& body);

    Parts parts_;
};

}  // namespace graphhook::app
