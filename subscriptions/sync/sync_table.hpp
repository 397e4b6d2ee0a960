#pragma once

#include "core/error.hpp"
#include "store/notification.hpp"
#include "store/sync.hpp"

#include <string>
#include <variant>
#include <vector>

namespace graphhook::subscriptions {

/// What sweeps need of the store; durable when a call returns. Threads: any; calls block.
class SyncTable {
  public:
    virtual ~SyncTable() = default;
    [[nodiscard]] virtual Result<std::vector<store::SyncState>> states() = 0;
    [[nodiscard]] virtual Result<std::vector<store::Watermark>> watermarks(const store::SyncKey& key
    ) = 0;
    [[nodiscard]] virtual Result<std::monostate> change(const store::SyncChange& change) = 0;
    /// What was found takes the notification's way. Errc::Full, Errc::Busy: back-pressure.
    [[nodiscard]] virtual Result<store::Appended> append(std::vector<store::Item> items) = 0;
    /// Small texts by name; empty: none.
    [[nodiscard]] virtual Result<std::string> note(const std::string& name) = 0;
    [[nodiscard]] virtual Result<std::monostate> put_note(
        const std::string& name, const std::string& text
    ) = 0;
};

}  // namespace graphhook::subscriptions
