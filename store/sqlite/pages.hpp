#pragma once

#include "core/clock.hpp"
#include "store/sqlite/page.hpp"
#include "store/sqlite/sql.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace graphhook::store {

inline constexpr const char* kOldestNotification =
    "SELECT received_at FROM head ORDER BY page LIMIT 1";

/// The heads of a page in memory.
struct HeadPage {
    std::int64_t page = 0;
    Lane lane = Lane::Change;
    SystemTime received_at;
    std::uint32_t count = 0;
    std::string heads;
};
using HeadPagePtr = std::shared_ptr<const HeadPage>;
using DataPtr = std::shared_ptr<const std::string>;

/// Reads pages, with the last few kept in memory: a handler that keeps up is served without asking
/// SQLite. Threads: one.
class Pages {
  public:
    explicit Pages(Connection& connection);

    /// nullptr: not stored (any more). Throws SqlError where they are damaged.
    [[nodiscard]] HeadPagePtr heads(std::int64_t page);
    /// The first page of that lane from `from` on.
    [[nodiscard]] HeadPagePtr next(Lane lane, std::int64_t from);
    /// Every page from `from` on, in order, past the memory of this object.
    template <class Each>
    void for_each(std::int64_t from, Each&& each) {
        for_each(all_, from, std::forward<Each>(each));
    }
    /// The same, of pages that hold versions; the others are not even looked at.
    template <class Each>
    void for_each_with_versions(std::int64_t from, Each&& each) {
        for_each(with_versions_, from, std::forward<Each>(each));
    }
    /// nullptr: not stored, or damaged.
    [[nodiscard]] DataPtr data(std::int64_t page);

    /// Of the first page that is stored.
    [[nodiscard]] std::optional<SystemTime> oldest();

    /// A page was committed.
    void appended(HeadPagePtr heads, DataPtr data);
    [[nodiscard]] std::int64_t last(Lane lane) const noexcept {
        return last_[static_cast<std::size_t>(lane)];
    }
    /// Of both lanes; 0 without any.
    [[nodiscard]] std::int64_t last() const noexcept {
        return last_[0] > last_[1] ? last_[0] : last_[1];
    }

  private:
    static constexpr std::size_t kKeptHeads = 32;
    static constexpr std::size_t kKeptBytes = 4u << 20;
    struct Data {
        std::int64_t page;
        DataPtr bytes;
    };

    template <class Each>
    static void for_each(Statement& statement, std::int64_t from, Each&& each) {
        Query query(statement);
        query.bind(1, from);
        HeadPage page;
        while (query.step()) {
            fill(page, query);
            each(std::as_const(page));
        }
    }
    static void fill(HeadPage& page, const Query& query);
    HeadPagePtr read(Query& query);
    void keep(HeadPagePtr heads);
    void keep(std::int64_t page, DataPtr data);

    Statement by_page_, next_change_, next_lifecycle_, all_, with_versions_, body_, oldest_;
    std::array<std::int64_t, 2> last_{};
    std::deque<HeadPagePtr> heads_;  // the newest last
    std::deque<Data> data_;
    std::size_t data_bytes_ = 0;
};

}  // namespace graphhook::store
