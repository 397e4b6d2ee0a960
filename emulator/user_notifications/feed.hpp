#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "emulator/user_notifications/posted.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::emulator {

enum class ReadState { Unread, Read };
enum class UserAction { NoInteraction, Activated, Dismissed, Snoozed };

/// What a person did with a notification; absent: nothing new.
struct UserAct {
    std::optional<ReadState> read;
    std::optional<UserAction> action;
};
/// {"readState":"Read","userActionState":"Dismissed"}; either or both. Errc::BadInput.
[[nodiscard]] Result<UserAct> read_user_act(const boost::json::object& json);

/// What one endpoint knows of one notification.
struct NotificationView {
    std::uint64_t number = 0;  ///< of the last change that the endpoint is told
    SystemTime changed;
    ReadState read = ReadState::Unread;
    UserAction action = UserAction::NoInteraction;
    bool deleted = false;
    bool fell_back = false;  ///< shows the fallback's content
};

/// One installation of a client app on one device or in one browser (protocol 10.2).
struct FeedEndpoint {
    std::string id;
    Platform platform = Platform::Windows;
    std::string name;
    std::string client;  ///< the app that registered it
    SystemTime expires;
    std::map<std::string, NotificationView, std::less<>> views;  // by the notification's id

    [[nodiscard]] bool live(SystemTime now) const noexcept { return expires > now; }
};

/// The notifications of one user from one app service, and the endpoints that they go to (protocol
/// 10.2, 10.8). What is told to an endpoint is numbered, so that it reads on from where it was; of
/// several changes of a notification it is told the last. What it changes itself is not told to it.
///
/// The pages say little; so here:
/// - read and user action states go from any endpoint to the others, except those of web push;
///   who deletes a notification, and its expiry, is told to all.
/// - an endpoint that registers is told every live notification for its platform, in its present
///   state (web push: as nobody had touched it).
/// - an endpoint whose subscription is over is told nothing any more and cannot be renewed.
/// - the same appNotificationId again: the notification keeps its id, gets the new content and is
///   unread again. If it says the same as before, a retry, nothing changes.
/// - what is deleted is forgotten a day later. Beyond 10,000 the oldest is forgotten at once.
class UserFeed {
  public:
    /// Registers an endpoint. Errc::Full beyond 100 that are live.
    [[nodiscard]] Result<void> add(FeedEndpoint endpoint, SystemTime now);
    /// Errc::NotFound; Errc::Refused if its subscription is over.
    [[nodiscard]] Result<void> renew(std::string_view endpoint, SystemTime expires, SystemTime now);
    bool remove(std::string_view endpoint);
    /// Null if there is none.
    [[nodiscard]] const FeedEndpoint* find(std::string_view endpoint) const;
    [[nodiscard]] const std::map<std::string, FeedEndpoint, std::less<>>& endpoints() const {
        return endpoints_;
    }

    struct Stored {
        std::string id;
        SystemTime expires;
        std::size_t endpoints = 0;  ///< that were told
        bool replaced = false;
    };
    /// `id` is used unless it replaces another one.
    Stored put(PostedNotification notification, std::string id, SystemTime now);
    /// Errc::NotFound, Errc::Refused for an endpoint whose subscription is over, Errc::Conflict for
    /// a notification that is deleted.
    [[nodiscard]] Result<void> act(
        std::string_view endpoint, std::string_view notification, const UserAct& act, SystemTime now
    );
    /// Deletes a notification everywhere. Errors as of `act`.
    [[nodiscard]] Result<void> erase(
        std::string_view endpoint, std::string_view notification, SystemTime now
    );
    /// {"notifications":[…],"cursor":N,"more":false}: what changed after the cursor `after`, at
    /// most `limit`. Errc::NotFound. An endpoint that is over reads what it was told before.
    [[nodiscard]] Result<boost::json::object> read(
        std::string_view endpoint, std::uint64_t after, std::size_t limit, SystemTime now
    );
    /// Notifications that are not deleted.
    [[nodiscard]] std::size_t size(SystemTime now);
    /// Forgets the notifications; the endpoints stay.
    void forget_notifications();

  private:
    struct Entry {
        std::string id;
        PostedNotification said;
        SystemTime created;
        SystemTime expires;
        SystemTime changed;
        ReadState read = ReadState::Unread;
        UserAction action = UserAction::NoInteraction;
        std::optional<SystemTime> deleted;
    };
    struct Found {
        FeedEndpoint& endpoint;
        NotificationView& view;
        Entry& entry;
    };
    using Entries = std::map<std::uint64_t, Entry>;  // by age
    void tidy(SystemTime now);
    Entries::iterator forget(Entries::iterator entry);
    void tidy_entry(Entry& entry, SystemTime now);
    void note_due(SystemTime due) { due_ = std::min(due_, due); }
    void remove_entry(Entry& entry, SystemTime when, SystemTime now);
    void tell(FeedEndpoint& endpoint, const Entry& entry, SystemTime when);
    [[nodiscard]] Entry* find_live(const PostedNotification& like);
    [[nodiscard]] Result<Found> find_view(
        std::string_view endpoint, std::string_view notification, SystemTime now
    );
    [[nodiscard]] Entry* entry_of(std::string_view id);
    [[nodiscard]] boost::json::object to_json(const Entry& entry, const NotificationView& view)
        const;

    std::map<std::string, FeedEndpoint, std::less<>> endpoints_;
    Entries entries_;
    std::map<std::string, std::uint64_t, std::less<>> by_id_;      // into entries_
    std::map<std::string, std::uint64_t, std::less<>> by_app_id_;  // the latest, maybe deleted
    std::uint64_t next_entry_ = 1;
    std::uint64_t number_ = 0;
    SystemTime due_ = SystemTime::max();  ///< before this nothing happens by itself
};

}  // namespace graphhook::emulator
