#pragma once

#include "core/clock.hpp"
#include "core/mailbox.hpp"
#include "store/store.hpp"
#include "subscriptions/sync/sync_table.hpp"

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace graphhook::subscriptions {

/// The table in the real store; both must outlive it. What is appended was received when it was
/// found.
class StoreSyncTable final : public SyncTable {
  public:
    StoreSyncTable(store::Store& store, Clock& clock) : store_(store), clock_(clock) {}

    Result<std::vector<store::SyncState>> states() override {
        using States = std::vector<store::SyncState>;
        return wait_for<States>([this](Completion<States> done) {
            store_.sync_states(std::move(done));
        });
    }
    Result<std::vector<store::Watermark>> watermarks(const store::SyncKey& key) override {
        using Watermarks = std::vector<store::Watermark>;
        return wait_for<Watermarks>([&](Completion<Watermarks> done) {
            store_.watermarks(key, std::move(done));
        });
    }
    Result<std::monostate> change(const store::SyncChange& change) override {
        return wait_for<std::monostate>([&](Completion<std::monostate> done) {
            store_.change_sync(change, std::move(done));
        });
    }
    Result<store::Appended> append(std::vector<store::Item> items) override {
        return wait_for<store::Appended>([&](Completion<store::Appended> done) {
            store_.append(std::move(items), clock_.system_now(), std::move(done));
        });
    }
    Result<std::string> note(const std::string& name) override {
        return wait_for<std::string>([&](Completion<std::string> done) {
            store_.note(name, std::move(done));
        });
    }
    Result<std::monostate> put_note(const std::string& name, const std::string& text) override {
        return wait_for<std::monostate>([&](Completion<std::monostate> done) {
            store_.put_note(name, text, std::move(done));
        });
    }

  private:
    store::Store& store_;
    Clock& clock_;
};

}  // namespace graphhook::subscriptions
