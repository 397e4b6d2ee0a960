#pragma once

#include "store/sqlite/lane_cursor.hpp"
#include "store/sqlite/page.hpp"
#include "store/sqlite/receipts.hpp"
#include "store/sqlite/sql.hpp"
#include "store/store.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::store {

/// What is leased now, by (handler's number, notification): the attempt.
using LeasedNow = std::map<std::pair<std::int64_t, std::int64_t>, std::uint32_t>;

/// What the file says of the handlers at one moment. Lives within one read transaction.
class Snapshot {
  public:
    explicit Snapshot(Connection& connection);

    struct OfHandler {
        std::int64_t number = 0;
        std::string name;
        bool paused = false;
        std::vector<bool> accepts;  ///< By stream.
        std::array<LaneCursor, 2> lanes;
    };
    [[nodiscard]] const std::vector<OfHandler>& handlers() const noexcept { return handlers_; }
    [[nodiscard]] const Stream& stream(std::uint32_t number) const;

    /// One notification in a page.
    struct Page {
        std::int64_t page = 0;
        Lane lane = Lane::Change;
        SystemTime received_at;
        std::uint32_t count = 0;
        std::string heads;
    };
    /// The first page from `from` on. Throws SqlError where it is damaged.
    [[nodiscard]] std::optional<Page> next_page(std::int64_t from);
    [[nodiscard]] std::optional<std::string> data(std::int64_t page);
    /// The lowest notification from `from` on with a row in the table of that state.
    [[nodiscard]] std::optional<std::int64_t> next_row(std::int64_t from, DeliveryState state);
    /// The rows of (handler, page), by index.
    [[nodiscard]] std::map<std::uint32_t, DeliveryRow> rows(
        const OfHandler& handler, std::int64_t page
    );
    /// What of `index` is for `handler`; nothing where it is not for it.
    [[nodiscard]] static std::optional<DeliveryRow> delivery(
        const OfHandler& handler, const Page& page, std::uint32_t index, const Head& head,
        const std::map<std::uint32_t, DeliveryRow>& rows, const LeasedNow& leased
    );
    /// What the target answered; empty: nothing is kept.
    [[nodiscard]] std::string receipt(const OfHandler& handler, NotificationId id) {
        return receipts_.find(handler.number, id.value);
    }

  private:
    Connection& connection_;
    ReceiptReader receipts_;
    std::vector<OfHandler> handlers_;
    std::vector<Stream> streams_;
};

/// A read transaction, for the length of a step.
class ReadTransaction {
  public:
    explicit ReadTransaction(Connection& connection);
    ~ReadTransaction();
    ReadTransaction(const ReadTransaction&) = delete;
    ReadTransaction& operator=(const ReadTransaction&) = delete;

  private:
    Connection& connection_;
};

/// `deliveries list`, step by step.
class Listing {
  public:
    Listing(DeliveryQuery query, LeasedNow leased);
    /// True when it is over. Appends whole notifications: `limit` may be passed by the other
    /// handlers of the last one.
    bool step(Connection& connection, std::vector<DeliveryRow>& rows);

  private:
    DeliveryQuery query_;
    LeasedNow leased_;
    std::int64_t from_;
};

[[nodiscard]] Result<StoredNotification> show_notification(
    Connection& connection, NotificationId id, const LeasedNow& leased
);

/// Statistics as far as the file tells, for looking while nobody serves; step by step.
class FileStats {
  public:
    explicit FileStats(SystemTime now) : now_(now) {}
    bool step(Connection& connection, StoreStats& stats);

  private:
    SystemTime now_;
    std::int64_t from_ = 0;
    bool begun_ = false;
};

}  // namespace graphhook::store
