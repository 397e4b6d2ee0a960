#pragma once

#include "core/clock.hpp"
#include "store/notification.hpp"
#include "store/sqlite/lane_cursor.hpp"
#include "store/sqlite/page.hpp"
#include "store/sqlite/pages.hpp"
#include "store/store.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace graphhook::store {

/// Order keys of the lifecycle lane are kept apart from those of the changes.
constexpr std::uint64_t lane_key(std::uint64_t order_key, Lane lane) noexcept {
    return lane == Lane::Change ? order_key : order_key ^ 0xA5F152EBC2D6B6D1ULL;
}

/// A delivery row's state, as stored.
enum class RowState : std::uint8_t { Retry = 2, Behind = 3 };

/// A delivery that was leased in this process and is not settled.
struct Flight {
    enum class State : std::uint8_t {
        Leased,
        Lapsed,    ///< The lease ran out and nobody else has it yet: its completion still counts.
        Released,  ///< Given back.
    };
    State state = State::Leased;
    std::uint32_t attempt = 1;
    std::uint32_t used = 0;
    std::uint32_t stream = 0;
    std::uint64_t key = 0;  ///< lane_key().
    SteadyTime expiry;
    SystemTime not_before;  ///< Released.
    bool row = false;       ///< Has a delivery row.
    bool replayed = false;
};

/// What is in memory of one order key: at most one leased, and who waits for it, in order.
struct KeyQueue {
    std::int64_t leased = 0;
    std::deque<std::int64_t> waiting;
};

/// All that the writer knows of one handler. Threads: the writer's.
struct HandlerState {
    std::int64_t number = 0;
    std::string name;
    bool attached = false;
    bool paused = false;
    std::function<bool(const Stream&)> accepts;
    std::function<void()> on_work;
    /// The last lease came back short: tell of new work.
    bool hungry = true;
    bool work = false;  ///< To be told at the end of the round.

    std::vector<std::int8_t> verdicts;             ///< By stream; -1: not asked yet.
    std::vector<std::uint64_t> open;               ///< By stream: neither finished nor with a row.
    std::array<std::uint64_t, 2> accepted_open{};  ///< By lane, of the streams it accepts.
    std::array<LaneCursor, 2> lanes;
    std::array<bool, 2> dirty{};
    struct Scan {
        HeadPagePtr page;
        std::uint32_t index = 0;
    };
    std::array<Scan, 2> scans;

    std::unordered_map<std::int64_t, Flight> flights;
    std::unordered_map<std::uint64_t, KeyQueue> keys;
    std::map<std::int64_t, std::uint64_t> ready;  ///< Fronts of free keys, by id.
    std::multimap<SystemTime, std::int64_t> delayed;
    std::size_t deferred = 0;  ///< In all of keys[].waiting.
    SteadyTime next_expiry = SteadyTime::max();

    std::unordered_map<std::uint64_t, std::uint32_t> row_keys;  ///< Delivery rows by key.
    std::uint64_t rows = 0;
    std::uint64_t dead = 0;
    std::optional<SystemTime> next_due;  ///< Not after the earliest retry that is not due yet.

    [[nodiscard]] LaneCursor& lane(Lane which) { return lanes[static_cast<std::size_t>(which)]; }
    [[nodiscard]] std::uint64_t waiting() const noexcept {
        return accepted_open[0] + accepted_open[1] + rows;
    }
    [[nodiscard]] bool accepts_stream(std::uint32_t stream) const noexcept {
        return stream < verdicts.size() && verdicts[stream] > 0;
    }
    [[nodiscard]] bool finished(const HeadPage& page, std::uint32_t index) const {
        return lanes[static_cast<std::size_t>(page.lane)].finished(page.page, index);
    }
};

}  // namespace graphhook::store
