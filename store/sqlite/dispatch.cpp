#include "store/sqlite/dispatch.hpp"

#include <algorithm>

namespace graphhook::store {
namespace {

std::int64_t micros(SystemTime time) {
    return time.time_since_epoch().count();
}

}  // namespace

Dispatch::Dispatch(
    Connection& connection, Writes& writes, Pages& pages, Streams& streams, FoldMap& folds,
    Proofs& proofs, Quarantine& quarantine, Receipts& receipts, Clock& clock
)
    : connection_(connection),
      writes_(writes),
      pages_(pages),
      streams_(streams),
      folds_(folds),
      proofs_(proofs),
      quarantine_(quarantine),
      receipts_(receipts),
      clock_(clock),
      insert_handler_(connection, "INSERT INTO handler(id, name, paused) VALUES(?, ?, 0)"),
      pause_handler_(connection, "UPDATE handler SET paused = ? WHERE id = ?"),
      put_route_(connection, "INSERT OR REPLACE INTO route VALUES(?, ?, ?)"),
      put_cursor_(connection, "INSERT OR REPLACE INTO cursor VALUES(?, ?, ?, ?)"),
      insert_row_(
          connection, "INSERT OR REPLACE INTO delivery VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
      ),
      update_row_(
          connection,
          "UPDATE delivery SET state = 2, attempts = ?, used = ?, next_at = ?, updated_at = ?, "
          "reason "
          "= ? WHERE handler = ? AND id = ?"
      ),
      delete_row_(connection, "DELETE FROM delivery WHERE handler = ? AND id = ?"),
      promote_row_(
          connection,
          "UPDATE delivery SET state = 2, next_at = ?, updated_at = ? WHERE handler = ? AND id = ?"
      ),
      demote_rows_(
          connection,
          "UPDATE delivery SET state = 3, next_at = NULL WHERE handler = ? AND order_key = ? AND "
          "id > "
          "? AND state = 2"
      ),
      insert_dead_(connection, "INSERT OR REPLACE INTO dead VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      delete_dead_(connection, "DELETE FROM dead WHERE handler = ? AND id = ?"),
      due_rows_(
          connection,
          "SELECT id, order_key, attempts, used, replayed FROM delivery WHERE handler = ? AND "
          "state = "
          "2 AND next_at <= ? ORDER BY next_at"
      ),
      next_due_(
          connection,
          "SELECT min(next_at) FROM delivery WHERE handler = ? AND state = 2 AND next_at > ?"
      ),
      rows_of_key_(
          connection,
          "SELECT id, state FROM delivery WHERE handler = ? AND order_key = ? ORDER BY id LIMIT 1"
      ),
      one_dead_(connection, "SELECT order_key, received_at FROM dead WHERE handler = ? AND id = ?"),
      row_exists_(connection, "SELECT 1 FROM delivery WHERE handler = ? AND id = ?"),
      oldest_row_(
          connection, "SELECT id, received_at FROM delivery WHERE handler = ? ORDER BY id LIMIT 1"
      ),
      rows_of_page_(
          connection, "SELECT 1 FROM delivery WHERE handler = ? AND id >= ? AND id < ? LIMIT 1"
      ),
      dead_of_page_(
          connection, "SELECT 1 FROM dead WHERE handler = ? AND id >= ? AND id < ? LIMIT 1"
      ) {
    load();
}

void Dispatch::load() {
    std::unordered_map<std::int64_t, HandlerState*> by_number;
    Statement all(connection_, "SELECT id, name, paused FROM handler");
    for (Query query(all); query.step();) {
        auto handler = std::make_unique<HandlerState>();
        handler->number = query.integer(0);
        handler->name = query.text(1);
        handler->paused = query.integer(2) != 0;
        handler->verdicts.assign(streams_.end(), -1);
        handler->open.assign(streams_.end(), 0);
        handler->next_due = SystemTime{};
        by_number.emplace(handler->number, handler.get());
        handlers_.emplace(handler->name, std::move(handler));
    }
    Statement routes(connection_, "SELECT handler, stream, accepts FROM route");
    for (Query query(routes); query.step();) {
        const auto handler = by_number.find(query.integer(0));
        const auto stream = static_cast<std::size_t>(query.integer(1));
        if (handler == by_number.end() || stream >= streams_.end()) continue;
        handler->second->verdicts[stream] = query.integer(2) != 0 ? 1 : 0;
    }
    Statement cursors(connection_, "SELECT handler, lane, page, done FROM cursor");
    for (Query query(cursors); query.step();) {
        const auto handler = by_number.find(query.integer(0));
        if (handler == by_number.end()) continue;
        handler->second->lanes[query.integer(1) == 0 ? 0 : 1] =
            LaneCursor(query.integer(2), query.blob(3));
    }
    Statement rows(
        connection_, "SELECT handler, order_key, count(*) FROM delivery GROUP BY handler, order_key"
    );
    for (Query query(rows); query.step();) {
        const auto handler = by_number.find(query.integer(0));
        if (handler == by_number.end()) continue;
        handler->second->row_keys[static_cast<std::uint64_t>(query.integer(1))] =
            static_cast<std::uint32_t>(query.integer(2));
        handler->second->rows += static_cast<std::uint64_t>(query.integer(2));
    }
    Statement dead(connection_, "SELECT handler, count(*) FROM dead GROUP BY handler");
    for (Query query(dead); query.step();) {
        const auto handler = by_number.find(query.integer(0));
        if (handler == by_number.end()) continue;
        handler->second->dead = static_cast<std::uint64_t>(query.integer(1));
    }
}

std::int64_t Dispatch::first_open_page() const {
    std::int64_t first = pages_.last() + 1;
    for (const auto& [name, handler] : handlers_) {
        for (const LaneCursor& lane : handler->lanes) first = std::min(first, lane.position());
    }
    return first;
}

void Dispatch::count_page(const HeadPage& page) {
    for (auto& [name, handler] : handlers_) {
        if (page.page < handler->lane(page.lane).position()) continue;
        for (std::uint32_t index = 0; index < page.count; ++index) {
            if (handler->finished(page, index)) continue;
            const auto stream = read_head(page.heads, index).stream;
            ++handler->open.at(stream);
            if (handler->accepts_stream(stream))
                ++handler->accepted_open[static_cast<std::size_t>(page.lane)];
        }
    }
}

HandlerState* Dispatch::find(const std::string& handler) {
    const auto found = handlers_.find(handler);
    return found != handlers_.end() ? found->second.get() : nullptr;
}

HandlerState& Dispatch::create(const std::string& name) {
    auto fresh = std::make_unique<HandlerState>();
    std::array<std::int64_t, 2> start{1, 1};
    std::int64_t number = 1;
    if (!handlers_.empty()) {
        start = {pages_.last(Lane::Change) + 1, pages_.last(Lane::Lifecycle) + 1};
        for (const auto& [other, handler] : handlers_) {
            number = std::max(number, handler->number + 1);
            for (const Lane lane : {Lane::Change, Lane::Lifecycle}) {
                auto& first = start[static_cast<std::size_t>(lane)];
                first = std::min(first, handler->lane(lane).position());
            }
            Query row(oldest_row_);
            if (row.bind(1, handler->number).step()) {
                HeadPagePtr page = pages_.heads(page_of(row.integer(0)));
                if (page != nullptr) {
                    auto& first = start[static_cast<std::size_t>(page->lane)];
                    first = std::min(first, page->page);
                }
            }
        }
    }
    fresh->number = number;
    fresh->name = name;
    fresh->verdicts.assign(streams_.end(), -1);
    fresh->open.assign(streams_.end(), 0);
    fresh->lanes = {LaneCursor(start[0]), LaneCursor(start[1])};
    fresh->dirty = {true, true};
    writes_.add(insert_handler_, {number, name});
    HandlerState& handler = *handlers_.emplace(name, std::move(fresh)).first->second;
    pages_.for_each(std::min(start[0], start[1]), [&](const HeadPage& page) {
        if (page.page < handler.lane(page.lane).position()) return;
        for (std::uint32_t index = 0; index < page.count; ++index) {
            ++handler.open.at(read_head(page.heads, index).stream);
        }
    });
    return handler;
}

Result<std::monostate> Dispatch::attach(Attachment attachment) {
    HandlerState* found = find(attachment.handler);
    HandlerState& handler = found != nullptr ? *found : create(attachment.handler);
    let_go(handler);
    handler.attached = true;
    handler.accepts = std::move(attachment.accepts);
    handler.on_work = std::move(attachment.on_work);
    handler.hungry = true;
    for (std::uint32_t stream = 1; stream < streams_.end(); ++stream) judge(handler, stream);
    recount(handler);
    handler.work = handler.waiting() != 0;
    return std::monostate{};
}

Result<std::monostate> Dispatch::detach(const std::string& name) {
    HandlerState* handler = find(name);
    if (handler == nullptr || !handler->attached) {
        return fail(Errc::NotFound, "handler " + name + " is not attached");
    }
    let_go(*handler);
    handler->attached = false;
    handler->accepts = nullptr;
    handler->on_work = nullptr;
    return std::monostate{};
}

void Dispatch::let_go(HandlerState& handler) {
    handler.flights.clear();
    handler.keys.clear();
    handler.ready.clear();
    handler.delayed.clear();
    handler.deferred = 0;
    handler.next_expiry = SteadyTime::max();
    handler.next_due = SystemTime{};
    handler.scans = {};
    for (LaneCursor& lane : handler.lanes) lane.unload();
}

void Dispatch::judge(HandlerState& handler, std::uint32_t stream) {
    if (handler.verdicts.size() <= stream) handler.verdicts.resize(stream + 1, -1);
    if (handler.open.size() <= stream) handler.open.resize(stream + 1, 0);
    if (!handler.attached) return;
    const std::int8_t verdict = handler.accepts(*streams_.at(stream)) ? 1 : 0;
    if (handler.verdicts[stream] == verdict) return;
    handler.verdicts[stream] = verdict;
    writes_.add(
        put_route_, {handler.number, std::int64_t{stream}, static_cast<std::int64_t>(verdict)}
    );
}

void Dispatch::judge(std::uint32_t stream) {
    for (auto& [name, handler] : handlers_) judge(*handler, stream);
}

void Dispatch::recount(HandlerState& handler) {
    handler.accepted_open = {};
    for (std::uint32_t stream = 1; stream < handler.open.size(); ++stream) {
        if (!handler.accepts_stream(stream)) continue;
        handler.accepted_open[static_cast<std::size_t>(streams_.at(stream)->lane)] +=
            handler.open[stream];
    }
}

Result<std::monostate> Dispatch::pause(const std::string& name, bool paused) {
    HandlerState* handler = find(name);
    if (handler == nullptr) return fail(Errc::NotFound, "there is no handler " + name);
    if (handler->paused != paused) {
        writes_.add(pause_handler_, {std::int64_t{paused ? 1 : 0}, handler->number});
        handler->paused = paused;
        handler->hungry = true;
        handler->work = true;
    }
    return std::monostate{};
}

void Dispatch::appended(const HeadPage& page) {
    const auto lane = static_cast<std::size_t>(page.lane);
    for (std::uint32_t index = 0; index < page.count; ++index) {
        const auto stream = read_head(page.heads, index).stream;
        for (auto& [name, handler] : handlers_) {
            ++handler->open[stream];
            if (!handler->accepts_stream(stream)) continue;
            ++handler->accepted_open[lane];
            handler->work = true;
        }
    }
}

void Dispatch::run_timers() {
    const SteadyTime steady = clock_.steady_now();
    const SystemTime now = clock_.system_now();
    for (auto& [name, handler] : handlers_) {
        if (!handler->attached) continue;
        if (steady >= handler->next_expiry) {
            handler->next_expiry = SteadyTime::max();
            for (auto& [id, flight] : handler->flights) {
                if (flight.state != Flight::State::Leased) continue;
                if (flight.expiry <= steady) {
                    lapse(*handler, id, flight);
                } else {
                    handler->next_expiry = std::min(handler->next_expiry, flight.expiry);
                }
            }
        }
        while (!handler->delayed.empty() && handler->delayed.begin()->first <= now) {
            const std::int64_t id = handler->delayed.begin()->second;
            handler->delayed.erase(handler->delayed.begin());
            const auto flight = handler->flights.find(id);
            if (flight == handler->flights.end() ||
                flight->second.state != Flight::State::Released || flight->second.not_before > now)
                continue;
            handler->ready.emplace(id, flight->second.key);
            handler->work = true;
        }
        if (handler->next_due && *handler->next_due <= now) {
            handler->next_due.reset();
            if (handler->rows == 0) continue;
            handler->work = true;
            Query query(next_due_);
            if (query.bind(1, handler->number).bind(2, micros(now)).step() && !query.null(0)) {
                handler->next_due = SystemTime(std::chrono::microseconds(query.integer(0)));
            }
        }
    }
}

std::chrono::nanoseconds Dispatch::until_next_timer(std::chrono::nanoseconds most) const {
    const SteadyTime steady = clock_.steady_now();
    const SystemTime now = clock_.system_now();
    for (const auto& [name, handler] : handlers_) {
        if (!handler->attached) continue;
        if (handler->next_expiry != SteadyTime::max())
            most = std::min<std::chrono::nanoseconds>(most, handler->next_expiry - steady);
        if (!handler->delayed.empty())
            most = std::min<std::chrono::nanoseconds>(most, handler->delayed.begin()->first - now);
        if (handler->next_due && !handler->paused)
            most = std::min<std::chrono::nanoseconds>(most, *handler->next_due - now);
    }
    return std::max(most, std::chrono::nanoseconds(0));
}

void Dispatch::advance_idle() {
    for (auto& [name, handler] : handlers_) {
        if (!handler->attached) continue;
        for (const Lane lane : {Lane::Change, Lane::Lifecycle}) {
            const auto which = static_cast<std::size_t>(lane);
            LaneCursor& cursor = handler->lane(lane);
            if (handler->accepted_open[which] == 0) {
                if (cursor.position() > pages_.last(lane)) continue;
                cursor.jump(pages_.last(lane) + 1);
                handler->scans[which] = {};
                handler->dirty[which] = true;
                for (std::uint32_t stream = 1; stream < handler->open.size(); ++stream) {
                    if (streams_.at(stream)->lane == lane) handler->open[stream] = 0;
                }
                continue;
            }
            for (int looked = 0; looked < 64 && cursor.window().empty(); ++looked) {
                const HeadPagePtr page = pages_.next(lane, cursor.next());
                if (page == nullptr) break;
                bool wanted = false;
                for (std::uint32_t index = 0; index < page->count && !wanted; ++index) {
                    wanted = !handler->finished(*page, index) &&
                             handler->accepts_stream(read_head(page->heads, index).stream);
                }
                if (wanted) break;
                for (std::uint32_t index = 0; index < page->count; ++index) {
                    if (!handler->finished(*page, index))
                        --handler->open[read_head(page->heads, index).stream];
                }
                cursor.jump(page->page + 1);
                handler->dirty[which] = true;
            }
        }
    }
}

void Dispatch::flush_cursors(bool all) {
    if (!all && !finished_some_ && !writes_.any()) return;
    finished_some_ = false;
    for (auto& [name, handler] : handlers_) {
        for (const Lane lane : {Lane::Change, Lane::Lifecycle}) trim(*handler, lane);
        for (std::size_t lane = 0; lane < handler->lanes.size(); ++lane) {
            if (!handler->dirty[lane]) continue;
            handler->dirty[lane] = false;
            const LaneCursor& cursor = handler->lanes[lane];
            writes_.add(
                put_cursor_, {handler->number, static_cast<std::int64_t>(lane), cursor.position(),
                              Blob{cursor.encode()}}
            );
        }
    }
}

std::vector<std::function<void()>> Dispatch::take_wakeups() {
    std::vector<std::function<void()>> calls;
    for (auto& [name, handler] : handlers_) {
        const bool tell = std::exchange(handler->work, false) && handler->hungry &&
                          handler->attached && !handler->paused && handler->on_work;
        if (!tell) continue;
        handler->hungry = false;
        calls.push_back(handler->on_work);
    }
    return calls;
}

std::vector<HandlerStats> Dispatch::stats() {
    std::vector<HandlerStats> all;
    for (auto& [name, handler] : handlers_) {
        if (!handler->attached && handler->waiting() == 0 && handler->dead == 0) continue;
        HandlerStats stats;
        stats.handler = name;
        stats.attached = handler->attached;
        stats.paused = handler->paused;
        stats.waiting = handler->waiting();
        stats.dead = handler->dead;
        stats.retrying = handler->rows;
        for (const auto& [id, flight] : handler->flights) {
            if (flight.state != Flight::State::Leased) continue;
            ++stats.leased;
            if (flight.row) --stats.retrying;
        }
        const auto older = [&](SystemTime time) {
            if (!stats.oldest_waiting || time < *stats.oldest_waiting) stats.oldest_waiting = time;
        };
        for (const Lane lane : {Lane::Change, Lane::Lifecycle}) {
            if (handler->accepted_open[static_cast<std::size_t>(lane)] == 0) continue;
            const LaneCursor& cursor = handler->lane(lane);
            if (!cursor.window().empty()) {
                older(cursor.window().front().received_at);
            } else if (const HeadPagePtr page = pages_.next(lane, cursor.next())) {
                older(page->received_at);
            }
        }
        if (handler->rows != 0) {
            Query query(oldest_row_);
            if (query.bind(1, handler->number).step())
                older(SystemTime(std::chrono::microseconds(query.integer(1))));
        }
        all.push_back(std::move(stats));
    }
    return all;
}

std::uint64_t Dispatch::most_waiting() const {
    std::uint64_t most = 0;
    for (const auto& [name, handler] : handlers_) most = std::max(most, handler->waiting());
    return most;
}

bool Dispatch::finished_by_all(std::int64_t page, Lane lane) const {
    return !handlers_.empty() &&
           std::all_of(handlers_.begin(), handlers_.end(), [&](const auto& entry) {
               const HandlerState& handler = *entry.second;
               // A handler that is gone and has nothing left waits for nothing.
               if (!handler.attached && handler.waiting() == 0) return true;
               return handler.lanes[static_cast<std::size_t>(lane)].position() > page;
           });
}

bool Dispatch::has_rows(std::int64_t page) {
    for (const auto& [name, handler] : handlers_) {
        for (Statement* statement : {&rows_of_page_, &dead_of_page_}) {
            Query query(*statement);
            query.bind(1, handler->number).bind(2, id_of(page, 0)).bind(3, id_of(page + 1, 0));
            if (query.step()) return true;
        }
    }
    return false;
}

std::vector<Dispatch::Leased> Dispatch::leased() const {
    std::vector<Leased> all;
    for (const auto& [name, handler] : handlers_) {
        for (const auto& [id, flight] : handler->flights) {
            if (flight.state == Flight::State::Leased)
                all.push_back({handler->number, id, flight.attempt});
        }
    }
    return all;
}

}  // namespace graphhook::store
