#include "store/sqlite/journal.hpp"

#include <algorithm>
#include <utility>

namespace graphhook::store {

Journal::Journal(
    Connection& connection, Writes& writes, Pages& pages, Streams& streams, FoldMap& folds,
    RepeatWindow& repeats, RepeatWindow& versions, Dispatch& dispatch, Proofs& proofs
)
    : writes_(writes),
      pages_(pages),
      streams_(streams),
      folds_(folds),
      repeats_(repeats),
      versions_(versions),
      dispatch_(dispatch),
      proofs_(proofs),
      insert_head_(connection, "INSERT INTO head VALUES(?, ?, ?, ?, ?, ?)"),
      insert_body_(connection, "INSERT INTO body VALUES(?, ?)"),
      total_(static_cast<std::uint64_t>(
          connection.query("SELECT before + count FROM head ORDER BY page DESC LIMIT 1")
      )) {
}

bool Journal::repeats(const Item& item) const {
    if (!item.identity) return false;
    const auto planned = planned_keys_.find(first64(*item.identity));
    if (planned != planned_keys_.end()) return planned->second == item.identity;
    return repeats_.contains(*item.identity);
}

bool Journal::known_version(const Item& item) const {
    if (!item.version || item.stream->source == Source::Notification) return false;
    const auto planned = planned_versions_.find(first64(*item.version));
    if (planned != planned_versions_.end()) return planned->second == *item.version;
    return versions_.contains(*item.version);
}

void Journal::remember(const Item& item) {
    if (item.identity) planned_keys_.insert_or_assign(first64(*item.identity), item.identity);
    if (item.identity && first64(*item.identity) == item.order_key) return;
    // What is identified by content counts only as long as nothing else came of its order key.
    if (planned_keys_.contains(item.order_key) || repeats_.holds(item.order_key))
        planned_keys_.insert_or_assign(item.order_key, std::nullopt);
}

bool Journal::folds(const Item& item, std::uint64_t key) const {
    // What has a version, or brings its resource, says something of its own.
    if (!item.fold || item.version || item.tokens != nullptr) return false;
    const auto planned = planned_folds_.find(key);
    if (planned != planned_folds_.end()) return planned->second.fold == item.fold;
    return folds_.folds(key, *item.fold);
}

void Journal::place(const Item& item, std::uint64_t key, SystemTime received_at) {
    const auto stream = streams_.intern(item.stream);
    if (stream.fresh) dispatch_.judge(stream.number);
    auto& open = open_page_[static_cast<std::size_t>(item.stream->lane)];
    if (open) {
        const Planned& page = planned_pages_[*open];
        if (!page.writer.takes(item) || received_at < page.received_at ||
            received_at - page.received_at > kLatest)
            open.reset();
    }
    if (!open) {
        const std::int64_t last =
            planned_pages_.empty() ? pages_.last() : planned_pages_.back().page;
        open = planned_pages_.size();
        planned_pages_.push_back(
            {last + 1, item.stream->lane, PageWriter(),
             received_at - earliest_ > kLatest ? received_at : earliest_}
        );
    }
    Planned& page = planned_pages_[*open];
    const std::int64_t proof =
        item.tokens != nullptr ? proofs_.number_of(item.tokens, page.page) : 0;
    const std::uint32_t index =
        page.writer.add(item, stream.number, received_at - page.received_at, proof);
    ++planned_;
    remember(item);
    if (item.version) planned_versions_.insert_or_assign(first64(*item.version), *item.version);
    if (item.fold && !item.version && item.tokens == nullptr) {
        planned_folds_.insert_or_assign(key, Folding{item.fold, id_of(page.page, index)});
    } else if (const auto earlier = planned_folds_.find(key); earlier != planned_folds_.end()) {
        earlier->second.fold.reset();
    } else {
        // Only where something may fold does what comes between matter.
        if (folds_.waits_for(key)) planned_folds_.emplace(key, Folding{});
    }
}

void Journal::plan(std::span<AppendCall> calls) {
    // A page has one time, and each notification says how much later it was received.
    earliest_ = SystemTime::max();
    for (const AppendCall& call : calls) {
        earliest_ = std::min(earliest_, call.received_at);
        latest_ = std::max(latest_, call.received_at);
    }
    for (AppendCall& call : calls) {
        for (const Item& item : call.items) {
            const std::uint64_t key = lane_key(item.order_key, item.stream->lane);
            if (repeats(item) || known_version(item)) {
                ++call.result.repeated;
            } else if (folds(item, key)) {
                ++call.result.folded;
                remember(item);
            } else {
                ++call.result.stored;
                place(item, key, call.received_at);
            }
        }
    }
}

void Journal::write() {
    if (planned_pages_.empty()) return;
    writes_.begin();
    proofs_.write();
    std::uint64_t before = total_;
    for (Planned& page : planned_pages_) {
        page.writer.seal(page.page);
        Query(insert_head_)
            .bind(1, page.page)
            .bind(2, static_cast<std::int64_t>(page.lane))
            .bind(3, page.received_at.time_since_epoch().count())
            .bind(4, static_cast<std::int64_t>(before))
            .bind(5, std::int64_t{page.writer.count()})
            .bind_blob(6, page.writer.heads())
            .run();
        Query(insert_body_).bind(1, page.page).bind_blob(2, page.writer.data()).run();
        before += page.writer.count();
    }
}

void Journal::committed() {
    for (Planned& planned : planned_pages_) {
        auto page = std::make_shared<HeadPage>();
        page->page = planned.page;
        page->lane = planned.lane;
        page->received_at = planned.received_at;
        page->count = planned.writer.count();
        page->heads = std::move(planned.writer).take_heads();
        total_ += page->count;
        dispatch_.appended(*page);
        pages_.appended(
            std::move(page),
            std::make_shared<const std::string>(std::move(planned.writer).take_data())
        );
    }
    for (const auto& [place, identity] : planned_keys_) {
        if (identity) {
            repeats_.insert(*identity, latest_);
        } else {
            repeats_.revoke(place);
        }
    }
    proofs_.committed();
    for (const auto& planned : planned_versions_) versions_.insert(planned.second, latest_);
    for (const auto& [key, folding] : planned_folds_) {
        if (folding.fold) {
            folds_.waits(key, *folding.fold, folding.id);
        } else {
            folds_.interrupts(key);
        }
    }
    discard();
}

void Journal::discard() {
    planned_ = 0;
    proofs_.discard();
    planned_pages_.clear();
    open_page_ = {};
    planned_keys_.clear();
    planned_versions_.clear();
    planned_folds_.clear();
}

}  // namespace graphhook::store
