#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "store/sqlite/fold_map.hpp"
#include "store/sqlite/handler_state.hpp"
#include "store/sqlite/pages.hpp"
#include "store/sqlite/proofs.hpp"
#include "store/sqlite/quarantine.hpp"
#include "store/sqlite/receipts.hpp"
#include "store/sqlite/streams.hpp"
#include "store/sqlite/writes.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::store {

/// Who has what: leases, order, retries, dead letters, what is in the quarantine, and each
/// handler's cursor.
///
/// Memory holds what is leased or waits for a leased one; the file holds how far each handler is
/// (one small row a commit) and a row for each exception. What memory says is ahead of the file
/// until the round commits; when it can not, nothing of it was told to anybody. Threads: the
/// writer's; everything may throw SqlError.
class Dispatch {
  public:
    Dispatch(
        Connection& connection, Writes& writes, Pages& pages, Streams& streams, FoldMap& folds,
        Proofs& proofs, Quarantine& quarantine, Receipts& receipts, Clock& clock
    );

    // --- start
    /// The first page that some handler has to look at; with no handler, past the last.
    [[nodiscard]] std::int64_t first_open_page() const;
    /// Every page from first_open_page() on, once, in order.
    void count_page(const HeadPage& page);

    // --- in a round
    Result<std::monostate> attach(Attachment attachment);
    Result<std::monostate> detach(const std::string& handler);
    Result<std::vector<Delivery>> lease(const LeaseRequest& request);
    Result<std::size_t> settle(const std::string& handler, std::span<Settlement> settlements);
    void extend(
        const std::string& handler, std::span<const NotificationId> ids,
        std::chrono::milliseconds hold
    );
    Result<std::monostate> pause(const std::string& handler, bool paused);
    /// Before the commit: each handler's word about a new stream becomes durable with it.
    void judge(std::uint32_t stream);
    /// After the commit.
    void appended(const HeadPage& page);
    /// Leases that ran out, retries and releases that fell due.
    void run_timers();
    /// Moves cursors over what their handlers do not want, a little at a time.
    void advance_idle();
    /// Writes the cursors that moved: where the round writes anyway or has finished something, or
    /// `all` of them.
    void flush_cursors(bool all);
    /// At the end of a round: whom to tell of new work.
    [[nodiscard]] std::vector<std::function<void()>> take_wakeups();
    /// Until the next timer; at most `most`.
    [[nodiscard]] std::chrono::nanoseconds until_next_timer(std::chrono::nanoseconds most) const;

    // --- repairs
    [[nodiscard]] HandlerState* find(const std::string& handler);
    [[nodiscard]] const std::map<std::string, std::unique_ptr<HandlerState>>& handlers() const {
        return handlers_;
    }
    /// A finished delivery once more, with a row of its own. False where it is not finished.
    bool replay(HandlerState& handler, const HeadPage& page, std::uint32_t index);
    /// A dead letter once more. False where there is none.
    bool replay_dead(HandlerState& handler, std::int64_t id);
    bool drop_dead(HandlerState& handler, std::int64_t id);
    /// Out of the quarantine, to be judged anew. False where it is not there.
    bool retry_quarantined(HandlerState& handler, std::int64_t id);
    bool drop_quarantined(HandlerState& handler, std::int64_t id);

    // --- seeing
    [[nodiscard]] std::vector<HandlerStats> stats();
    [[nodiscard]] std::uint64_t most_waiting() const;
    /// Has every handler finished this page, rows aside?
    [[nodiscard]] bool finished_by_all(std::int64_t page, Lane lane) const;
    /// Does any delivery or dead letter still point at it?
    [[nodiscard]] bool has_rows(std::int64_t page);
    struct Leased {
        std::int64_t handler;
        std::int64_t id;
        std::uint32_t attempt;
    };
    [[nodiscard]] std::vector<Leased> leased() const;

  private:
    struct Lending;
    struct Row;

    void load();
    HandlerState& create(const std::string& name);
    void judge(HandlerState& handler, std::uint32_t stream);
    void recount(HandlerState& handler);
    void let_go(HandlerState& handler);

    // leasing (lease.cpp)
    void lend_lane(Lending& lending, Lane lane);
    void lend_ready(Lending& lending);
    void lend_rows(Lending& lending);
    bool lend(
        Lending& lending, const HeadPagePtr& page, std::uint32_t index, const Head& head,
        Flight flight
    );
    void defer(HandlerState& handler, std::int64_t id, std::uint64_t key);

    // finishing (settle.cpp)
    bool settle(HandlerState& handler, Settlement& settlement, SystemTime now);
    void free_key(HandlerState& handler, std::uint64_t key);
    void lapse(HandlerState& handler, std::int64_t id, Flight& flight);
    void finish(HandlerState& handler, std::int64_t id, Lane lane, std::uint32_t stream);
    /// Where what is given up goes.
    enum class Grave : std::uint8_t { Dead, Quarantine };
    void bury(
        HandlerState& handler, std::int64_t id, const Flight& flight, std::string reason,
        Grave grave = Grave::Dead
    );

    // rows (rows.cpp)
    void put_row(
        HandlerState& handler, std::int64_t id, const Flight& flight, RowState state,
        std::optional<SystemTime> next_at, std::string reason
    );
    void update_row(
        HandlerState& handler, std::int64_t id, const Flight& flight, SystemTime next_at,
        std::string reason
    );
    void delete_row(HandlerState& handler, std::int64_t id, std::uint64_t key);
    /// The lowest row of a key may go on, all others wait behind it.
    void order_rows(HandlerState& handler, std::uint64_t key, SystemTime now);
    /// What is leased and has no row gets one.
    void park_leased(HandlerState& handler, std::int64_t id, Flight& flight);
    /// Everything of a key that waits in memory gets a row.
    void park_key(HandlerState& handler, std::uint64_t key);
    /// Keeps a cursor's bitmap small: what holds it back gets a row.
    void trim(HandlerState& handler, Lane lane);
    Head head_of(std::int64_t id, HeadPagePtr& page);
    /// A row for what is finished, marked as replayed.
    void hand_over_again(HandlerState& handler, std::int64_t id, std::uint64_t key);

    Connection& connection_;
    Writes& writes_;
    Pages& pages_;
    Streams& streams_;
    FoldMap& folds_;
    Proofs& proofs_;
    Quarantine& quarantine_;
    Receipts& receipts_;
    Clock& clock_;
    std::map<std::string, std::unique_ptr<HandlerState>> handlers_;
    bool finished_some_ = false;

    Statement insert_handler_, pause_handler_, put_route_, put_cursor_;
    Statement insert_row_, update_row_, delete_row_, promote_row_, demote_rows_;
    Statement insert_dead_, delete_dead_;
    Statement due_rows_, next_due_, rows_of_key_, one_dead_, row_exists_, oldest_row_;
    Statement rows_of_page_, dead_of_page_;
};

}  // namespace graphhook::store
