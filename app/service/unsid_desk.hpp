#pragma once

#include "authenticity/key_set.hpp"
#include "authenticity/token.hpp"
#include "core/clock.hpp"
#include "receiver/unsid_desk.hpp"
#include "store/store.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace graphhook::app {

/// Takes in UNSIDs: whose they are, the access token says, and they are kept in the store.
///
/// A token of the application itself is nobody's; neither is an ID token, which was made for the
/// client app and not for us. What can not be judged for want of a key is asked for, and the client
/// told to come back. That goes for a key that fresh key sets lack, too: they may have been fetched
/// just before it began to sign. Only sets that were fetched after somebody asked make it false.
///
/// Threads: any, several at once; nothing waits.
class StoreUnsidDesk final : public receiver::UnsidDesk {
  public:
    /// All of it must outlive the desk.
    struct Parts {
        store::Store& store;
        Clock& clock;
        /// Never nullptr.
        std::function<authenticity::KeySetsPtr()> sets;
        /// As ProvingKeys::wanted.
        std::function<void(const std::string& login)> keys_wanted;
    };
    /// `scope`: what a token has to carry; empty: any.
    StoreUnsidDesk(std::vector<authenticity::Expected> ours, std::string scope, Parts parts);

    /// After a reload: whose users' tokens are taken.
    void set_ours(std::vector<authenticity::Expected> ours);

    [[nodiscard]] receiver::BearerAnswer who(std::string_view bearer) override;
    void put(receiver::UnsidUser user, receiver::UnsidForm form, Completion<bool> done) override;
    /// Of that user only. Errc::BadInput: user or UNSID is empty, which would be more than one.
    void withdraw(receiver::UnsidUser user, std::string unsid, Completion<std::monostate> done)
        override;

  private:
    using Ours = std::vector<authenticity::Expected>;

    /// A key that is in none of these sets: whether newer ones may have it. Notes that somebody
    /// asked, at most once in five minutes for an authority.
    bool may_come(const std::string& login, const authenticity::KeySets& sets, SystemTime now);

    const std::string scope_;
    const Parts parts_;
    std::mutex mutex_;
    // Guarded by mutex_.
    std::shared_ptr<const Ours> ours_;
    std::map<std::string, SystemTime> asked_;  ///< When keys were asked for, by login.
};

}  // namespace graphhook::app
