#pragma once

#include "core/clock.hpp"
#include "store/sync.hpp"
#include "subscriptions/graph/graph_data.hpp"
#include "subscriptions/graph/quota.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/sync/finding.hpp"
#include "subscriptions/sync/marks.hpp"
#include "subscriptions/sync/sweeper.hpp"
#include "subscriptions/sync/sync_table.hpp"
#include "subscriptions/sync/way.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::subscriptions {

/// Why a round does not go on for now; it goes on where it was.
struct Halt {
    enum class Kind : std::uint8_t {
        Paused,     ///< Until then: a quota, back-pressure, somebody more urgent.
        Failed,     ///< Graph: see `error`.
        NotStored,  ///< Our own store: see `stored`.
        Stopped,
    };
    Kind kind = Kind::Paused;
    SystemTime until;
    GraphError error;
    Error stored;
};

/// What a round is about.
struct RoundJob {
    SweepTarget target;
    Way way;
    std::shared_ptr<const WantedSubscription> entry;
    Addressee to;
    std::uint8_t changes = 0;
    std::string mailbox;  ///< Of Quota.
    std::string reason;
};

/// The state of the target that a round works on: others may want something of it meanwhile.
class RoundHost {
  public:
    virtual ~RoundHost() = default;
    [[nodiscard]] virtual store::SyncState state() const = 0;
    /// The round counts from then: what is wanted later is another one's.
    virtual void begun(SystemTime at) = 0;
    /// Stores `change` with what `alter` makes of the state of now.
    [[nodiscard]] virtual Result<std::monostate> commit(
        const std::function<void(store::SyncState&)>& alter, store::SyncChange change
    ) = 0;
    /// Whether somebody more urgent waits for this thread.
    [[nodiscard]] virtual bool give_way() const = 0;
};

/// One round: goes on where the watermarks say, page by page, until it is over or halts. What a
/// page holds is appended before the link behind it is stored. Blocks.
class Round {
  public:
    struct Parts {
        GraphData& data;
        SyncTable& table;
        Clock& clock;
        Quota& quota;
        Metrics& metrics;
        RoundHost& host;
    };
    Round(RoundJob job, Parts parts) : job_(std::move(job)), parts_(parts) {}

    /// Nothing: it is over.
    [[nodiscard]] std::optional<Halt> run(const std::stop_token& stop);

    [[nodiscard]] std::size_t pages() const noexcept { return pages_; }
    [[nodiscard]] std::size_t found() const noexcept { return found_; }

  private:
    using Step = std::optional<Halt>;  ///< Nothing: go on.
    /// One delta query.
    struct DeltaPart {
        std::string part;
        std::string first;         ///< The first request of a full reading.
        std::string first_of_now;  ///< That brings a link for "now"; empty: there is none.
        bool folders = false;      ///< It lists folders instead of objects.
        bool may_be_gone = false;  ///< A folder: its end is no failure.
    };

    Step begin();
    Step look_up();
    Step finish(std::vector<store::Watermark> put, const std::vector<std::string>& erase);

    Step delta(const DeltaPart& part);
    Step delta_page(const DeltaPart& part, const Place& place, DataPage page, SystemTime sent);
    Step resync(const DeltaPart& part, const Place& place, const GraphError& error);
    void take_folders(const boost::json::array& page, store::SyncChange& change);
    void hold_back(
        const boost::json::array& page, std::vector<Finding>& found, store::SyncChange& change
    );
    Step sweep_folders();
    Step sweep_calendar();
    Step confirm(std::vector<Finding>& found);
    Step since();
    Step since_page(const Place& place, const DataPage& page, SystemTime sent);
    Step compare();
    Step compare_page(const Place& place, const DataPage& page, SystemTime sent);
    Step finish_compare();
    Step one();

    /// What a first round reads.
    [[nodiscard]] Reading first_reading() const;
    [[nodiscard]] bool is_baseline() const { return state_.baseline_at == SystemTime{}; }
    [[nodiscard]] ReadingOf reading_of(Reading reading) const;
    [[nodiscard]] std::string filled(std::string text) const;
    [[nodiscard]] std::string request(std::string path, std::string_view more = {}) const;
    [[nodiscard]] bool is_over(std::string_view part) const;

    /// Nothing and the page, or why not.
    Step ask(const std::string& target, DataPage& page);
    Step look(const std::string& target, boost::json::object& object);
    /// Appends what is wanted of `found`; `request`: what brought it.
    Step hand_over(std::vector<Finding> found, std::string_view request, Reading reading);
    Step hand_over_removed(const std::vector<std::string>& ids, Reading reading);
    Step commit(store::SyncChange change);
    Step rest() const;
    [[nodiscard]] std::uint64_t next_number(std::string_view what) const;

    RoundJob job_;
    Parts parts_;
    std::stop_token stop_;
    store::SyncState state_;  ///< As of the round's begin, but for what it counts itself.
    Marks marks_;
    std::map<std::string, std::string> tokens_;
    SystemTime began_;
    std::optional<GraphError>
        refused_;  ///< A folder that is refused for itself fails the round at its end.
    Seen seen_;
    Known known_, listed_;
    std::size_t pages_ = 0, found_ = 0;
    std::uint64_t new_found_ = 0;  ///< Not yet in the stored state.
};

}  // namespace graphhook::subscriptions
