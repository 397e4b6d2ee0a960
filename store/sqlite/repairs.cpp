#include "store/sqlite/repairs.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace graphhook::store {
namespace {

constexpr std::size_t kAtOnce = 512;

}  // namespace

Repair::Repair(What what, Selection selection) : what_(what), selection_(std::move(selection)) {
}

Result<void> Repair::check(Tables& tables) const {
    if (selection_.handler.empty()) {
        if (what_ != What::Replay) return {};
        return fail(Errc::BadInput, "a replay needs the name of a handler");
    }
    if (tables.dispatch.find(selection_.handler) == nullptr) {
        return fail(Errc::NotFound, "there is no handler " + selection_.handler);
    }
    return {};
}

bool Repair::fits(SystemTime received_at) const {
    return (!selection_.since || received_at >= *selection_.since) &&
           (!selection_.until || received_at < *selection_.until);
}

void Repair::one(Tables& tables, HandlerState& handler, std::int64_t id) {
    bool did = false;
    switch (what_) {
        case What::Replay: {
            const HeadPagePtr page = tables.pages.heads(page_of(id));
            did = page != nullptr && index_of(id) < page->count &&
                  tables.dispatch.replay(handler, *page, index_of(id));
            break;
        }
        case What::ReplayDead:
            did = tables.dispatch.replay_dead(handler, id);
            break;
        case What::DropDead:
            did = tables.dispatch.drop_dead(handler, id);
            break;
        case What::RetryQuarantined:
            did = tables.dispatch.retry_quarantined(handler, id);
            break;
        case What::DropQuarantined:
            did = tables.dispatch.drop_quarantined(handler, id);
            break;
    }
    if (did) ++count_;
}

bool Repair::step(Tables& tables) {
    if (!selection_.ids.empty()) return step_ids(tables);
    return what_ == What::Replay ? step_pages(tables) : step_rows(tables);
}

bool Repair::step_ids(Tables& tables) {
    for (std::size_t done = 0; done < kAtOnce && next_id_ < selection_.ids.size(); ++done) {
        const std::int64_t id = selection_.ids[next_id_++].value;
        if (id < 0) continue;
        for (const auto& [name, handler] : tables.dispatch.handlers()) {
            if (selection_.handler.empty() || selection_.handler == name) one(tables, *handler, id);
        }
    }
    return next_id_ == selection_.ids.size();
}

bool Repair::step_pages(Tables& tables) {
    HandlerState& handler = *tables.dispatch.find(selection_.handler);
    Statement next(
        tables.connection,
        "SELECT page, received_at FROM head WHERE page >= ? ORDER BY page LIMIT 1"
    );
    for (std::size_t looked = 0; looked < kAtOnce;) {
        std::int64_t number = 0;
        SystemTime received_at;
        {
            Query query(next);
            if (!query.bind(1, from_ / kPageItems).step()) return true;
            number = query.integer(0);
            received_at = SystemTime(std::chrono::microseconds(query.integer(1)));
        }
        if (number > page_of(from_)) from_ = id_of(number, 0);
        // A page holds up to kLatest of time.
        if (selection_.since && received_at + kLatest < *selection_.since) {
            from_ = id_of(number + 1, 0);
            ++looked;
            continue;
        }
        const HeadPagePtr page = tables.pages.heads(number);
        std::uint32_t index = index_of(from_);
        for (; index < page->count && looked < kAtOnce; ++index, ++looked) {
            if (!fits(page->received_at + read_head(page->heads, index).late)) continue;
            if (tables.dispatch.replay(handler, *page, index)) ++count_;
        }
        from_ = index < page->count ? id_of(number, index) : id_of(number + 1, 0);
        // What arrives while we are at it was not asked for.
        if (number >= tables.pages.last() && index >= page->count) return true;
    }
    return false;
}

bool Repair::step_rows(Tables& tables) {
    const bool dead = what_ == What::ReplayDead || what_ == What::DropDead;
    Statement next(
        tables.connection, std::string("SELECT id, received_at FROM ") +
                               (dead ? "dead" : "quarantine") +
                               " WHERE handler = ? AND id >= ? ORDER BY id LIMIT ?"
    );
    std::size_t at = 0;
    for (const auto& [name, handler] : tables.dispatch.handlers()) {
        if (at++ < handler_) continue;
        if (!selection_.handler.empty() && selection_.handler != name) {
            ++handler_;
            continue;
        }
        std::vector<std::int64_t> ids;
        std::size_t looked = 0;
        {
            Query query(next);
            query.bind(1, handler->number).bind(2, from_).bind(3, std::int64_t{kAtOnce});
            while (query.step()) {
                ++looked;
                from_ = query.integer(0) + 1;
                if (fits(SystemTime(std::chrono::microseconds(query.integer(1)))))
                    ids.push_back(query.integer(0));
            }
        }
        for (const std::int64_t id : ids) one(tables, *handler, id);
        if (looked < kAtOnce) {
            ++handler_;
            from_ = 0;
        }
        return false;
    }
    return true;
}

}  // namespace graphhook::store
