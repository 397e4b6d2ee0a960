#pragma once

#include "core/clock.hpp"
#include "store/options.hpp"
#include "store/sqlite/pages.hpp"
#include "store/sqlite/repeat_window.hpp"
#include "store/sqlite/sql.hpp"
#include "store/sqlite/writes.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::store {

/// What is before the first colon of a reason; "other" where that is no short name in lower case.
[[nodiscard]] std::string quarantine_label(std::string_view reason);

/// Deliveries that were proved false, within bounds of number and age, and the notifications whose
/// identity and version do not count as seen because of it. The latter are remembered for as long
/// as the notification is stored, also when its delivery has left the quarantine: forgetting what
/// was seen is always safe. Threads: the writer's; may throw SqlError.
class Quarantine {
  public:
    Quarantine(
        Connection& connection, Writes& writes, Pages& pages, RepeatWindow& repeats,
        RepeatWindow& versions, const StoreOptions& options
    );

    struct Entry {
        std::int64_t handler = 0;
        std::int64_t id = 0;
        std::uint64_t key = 0;  ///< lane_key().
        std::uint32_t attempts = 0, used = 0;
        bool replayed = false;
        SystemTime received_at;
        std::string reason;
    };
    /// The oldest give way where there are too many.
    void add(Entry entry, SystemTime now);
    /// Nothing where it is not in the quarantine.
    [[nodiscard]] std::optional<std::uint64_t> key_of(std::int64_t handler, std::int64_t id);
    /// False where there is none.
    bool drop(std::int64_t handler, std::int64_t id);
    /// What is too old goes, some at a time.
    void tidy(SystemTime now);

    /// Does any of it point at that page?
    [[nodiscard]] bool holds(std::int64_t page);
    /// The page is being deleted: what points at it goes too.
    void page_goes(std::int64_t page);

    /// How many, by label.
    [[nodiscard]] const std::map<std::string, std::uint64_t>& counts() const noexcept {
        return counts_;
    }
    struct Dropped {
        std::uint64_t items = 0, age = 0, bytes = 0;
        [[nodiscard]] std::uint64_t sum() const noexcept { return items + age + bytes; }
    };
    /// What went to stay within bounds since the last call.
    [[nodiscard]] Dropped take_dropped() noexcept;

    /// At start: the notifications from `page` on that do not count as seen, ascending.
    [[nodiscard]] std::vector<std::int64_t> disowned_since(std::int64_t page);

  private:
    struct Row {
        std::int64_t handler, id;
        std::string reason;
    };
    static std::vector<Row> rows(Query& query);
    void disown(std::int64_t id);
    void erase(const Row& row);

    Writes& writes_;
    Pages& pages_;
    RepeatWindow& repeats_;
    RepeatWindow& versions_;
    const std::uint64_t most_;
    const std::chrono::milliseconds retain_;
    Statement insert_, delete_, one_, oldest_, older_, of_page_;
    Statement disown_, own_page_, disowned_;
    std::map<std::string, std::uint64_t> counts_;
    std::uint64_t total_ = 0;
    bool any_disowned_ = false;
    Dropped dropped_;
};

}  // namespace graphhook::store
