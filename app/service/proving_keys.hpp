#pragma once

#include "app/service/proving.hpp"
#include "authenticity/key_set_keeper.hpp"
#include "store/store.hpp"
#include "subscriptions/options.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace graphhook::app {

/// What rich notifications of these tenants have to prove. Pure.
[[nodiscard]] std::vector<ProvenTenant> proven_tenants(
    const subscriptions::SubscriptionsOptions& options
);

/// What signed tokens are judged for.
enum class Judged : std::uint8_t {
    Items,          ///< Rich notifications.
    ItemsAndUsers,  ///< Users' access tokens, too: of any tenant, at any time.
};

/// The authorities whose keys are needed: of the tenants with a rich subscription, or of all where
/// users' tokens are judged, and those in `also` (logins) that any tenant has. Where there is
/// nothing to judge, nobody is asked. Pure.
[[nodiscard]] std::vector<authenticity::Authority> needed_authorities(
    const subscriptions::SubscriptionsOptions& options, const std::set<std::string>& also,
    Judged judged = Judged::Items
);

/// Key sets as notes of the store. Threads: any that may block, never the store's.
class NoteShelf final : public authenticity::KeySetShelf {
  public:
    /// A note holds no more.
    static constexpr std::size_t kMostBytes = (64u << 10) - 1;
    /// `store` must outlive it.
    explicit NoteShelf(store::Store& store) : store_(store) {}

    [[nodiscard]] Result<std::string> read(const std::string& name) override;
    /// Errc::Full: too large for a note.
    Result<void> write(const std::string& name, const std::string& text) override;

  private:
    store::Store& store_;
};

/// What a KeySetKeeper left on the shelf, for looking without one; what can not be read is not
/// there.
[[nodiscard]] authenticity::KeySets stored_key_sets(
    authenticity::KeySetShelf& shelf, const std::set<std::string>& logins
);

/// The key sets of the authorities that are needed now.
///
/// Which ones are needed follows from the configuration; a rich notification of a tenant without a
/// rich subscription (one that was removed, say) adds its authority when it comes to be proved.
/// Where users' tokens are judged, the keys of all tenants are there before the first client comes.
///
/// Threads: any, for `sets` and `wanted`; the rest on one.
class ProvingKeys {
  public:
    ProvingKeys(
        const subscriptions::SubscriptionsOptions& options, store::Store& store, Clock& clock,
        prometheus::Registry& registry, Judged judged = Judged::Items
    );

    /// Key sets that were stored are at hand when it returns; a network is not waited for.
    void start() { keeper_.start(); }
    void stop() { keeper_.stop(); }
    /// After a reload.
    void take(const subscriptions::SubscriptionsOptions& options);

    [[nodiscard]] authenticity::KeySetsPtr sets() const { return keeper_.sets(); }
    /// A token of that authority could not be judged for want of a key.
    void wanted(const std::string& login);

  private:
    const Judged judged_;
    NoteShelf shelf_;
    authenticity::KeySetKeeper keeper_;
    std::mutex mutex_;
    // Guarded by mutex_.
    subscriptions::SubscriptionsOptions options_;
    std::set<std::string> also_;
    std::vector<authenticity::Authority> authorities_;
};

}  // namespace graphhook::app
