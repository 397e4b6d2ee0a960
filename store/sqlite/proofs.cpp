#include "store/sqlite/proofs.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace graphhook::store {
namespace {

constexpr std::int64_t kSweptAStep = 64;
/// A sweep ends where this many in a row are still wanted.
constexpr unsigned kMostStayed = 1024;

std::string_view bytes_of(const Sha256& hash) {
    return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace

Proofs::Proofs(Connection& connection, Writes& writes)
    : writes_(writes),
      by_hash_(connection, "SELECT number, last_page FROM proof WHERE hash = ?"),
      by_number_(connection, "SELECT hash, verdict, tokens FROM proof WHERE number = ?"),
      insert_(
          connection,
          "INSERT INTO proof(number, first_page, last_page, hash, verdict, tokens) "
          "VALUES(?, ?, ?, ?, '', ?)"
      ),
      extend_(connection, "UPDATE proof SET last_page = ? WHERE number = ?"),
      put_verdict_(connection, "UPDATE proof SET verdict = ? WHERE number = ?"),
      wanted_(
          connection,
          "SELECT number, EXISTS(SELECT 1 FROM head WHERE page >= first_page AND page < last_page "
          "+ ?) FROM proof WHERE number > ? ORDER BY number LIMIT ?"
      ),
      delete_(connection, "DELETE FROM proof WHERE number = ?"),
      next_(connection.query("SELECT seq FROM sqlite_sequence WHERE name = 'proof'") + 1),
      committed_(next_) {
}

Proofs::Use Proofs::use_of(const Sha256& hash, const std::string& tokens, std::int64_t page) {
    if (const auto recent = recent_.find(hash); recent != recent_.end()) return {recent->second};
    Query query(by_hash_);
    if (query.bind_blob(1, bytes_of(hash)).step()) {
        return {{query.integer(0), query.integer(1)}};
    }
    return {{next_++, page}, page, &tokens};
}

std::int64_t Proofs::number_of(const TokensPtr& tokens, std::int64_t page) {
    // The items of a POST share their text.
    if (tokens.get() != last_text_) {
        const Sha256 hash = sha256(*tokens);
        auto found = planned_.find(hash);
        if (found == planned_.end())
            found = planned_.emplace(hash, use_of(hash, *tokens, page)).first;
        last_text_ = tokens.get();
        last_use_ = &found->second;
    }
    Use& use = *last_use_;
    // A round fills a page of each lane at a time.
    if (use.fresh != nullptr) use.first_page = std::min(use.first_page, page);
    if (page >= use.known.last_page + kPagesAhead) {
        use.known.last_page = page;
        use.further = true;
    }
    return use.known.number;
}

void Proofs::write() {
    for (const auto& [hash, use] : planned_) {
        if (use.fresh != nullptr) {
            Query(insert_)
                .bind(1, use.known.number)
                .bind(2, use.first_page)
                .bind(3, use.known.last_page)
                .bind_blob(4, bytes_of(hash))
                .bind_blob(5, *use.fresh)
                .run();
        } else if (use.further) {
            Query(extend_).bind(1, use.known.last_page).bind(2, use.known.number).run();
        }
    }
}

void Proofs::committed() {
    if (planned_.empty()) return;
    committed_ = next_;
    if (recent_.size() + planned_.size() > kMostRecent) recent_.clear();
    for (const auto& [hash, use] : planned_) {
        if (recent_.size() >= kMostRecent) break;
        recent_.insert_or_assign(hash, use.known);
    }
    discard();
}

void Proofs::discard() {
    if (planned_.empty()) return;
    next_ = committed_;
    planned_.clear();
    last_text_ = nullptr;
    last_use_ = nullptr;
}

void Proofs::keep(ProofPtr proof) {
    const std::int64_t number = proof->number;
    cached_bytes_ += proof->tokens.size();
    cache_.insert_or_assign(number, std::move(proof));
    cached_.push_back(number);
    while (cached_.size() > 1 && (cached_.size() > kMostCached || cached_bytes_ > kMostCachedBytes)
    ) {
        const auto oldest = cache_.find(cached_.front());
        cached_.pop_front();
        if (oldest == cache_.end()) continue;
        cached_bytes_ -= oldest->second->tokens.size();
        cache_.erase(oldest);
    }
}

ProofPtr Proofs::find(std::int64_t number) {
    if (const auto cached = cache_.find(number); cached != cache_.end()) return cached->second;
    auto proof = std::make_shared<Proof>();
    {
        Query query(by_number_);
        if (!query.bind(1, number).step()) return nullptr;
        proof->number = number;
        proof->verdict = query.text(1);
        proof->tokens = query.blob(2);
        if (bytes_of(sha256(proof->tokens)) != query.blob(0)) return nullptr;
    }
    keep(proof);
    return proof;
}

void Proofs::put_verdict(std::int64_t number, std::string verdict) {
    if (const auto cached = cache_.find(number); cached != cache_.end()) {
        // In its place: who holds the old one keeps it.
        auto changed = std::make_shared<Proof>(*cached->second);
        changed->verdict = verdict;
        cached->second = std::move(changed);
    }
    writes_.add(put_verdict_, {std::move(verdict), number});
}

bool Proofs::sweep() {
    if (!sweeping_) {
        if (!std::exchange(sweep_wanted_, false)) return false;
        sweeping_ = true;
        swept_ = 0;
        stayed_ = 0;
    }
    std::vector<std::int64_t> gone;
    std::int64_t looked = 0;
    {
        Query query(wanted_);
        query.bind(1, kPagesAhead).bind(2, swept_).bind(3, kSweptAStep);
        while (query.step()) {
            ++looked;
            swept_ = query.integer(0);
            if (query.integer(1) != 0) {
                ++stayed_;
                continue;
            }
            stayed_ = 0;
            gone.push_back(swept_);
        }
    }
    for (const std::int64_t number : gone) {
        writes_.add(delete_, {number});
        if (const auto cached = cache_.find(number); cached != cache_.end()) {
            cached_bytes_ -= cached->second->tokens.size();
            cache_.erase(cached);
        }
    }
    if (!gone.empty()) recent_.clear();
    sweeping_ = looked == kSweptAStep && stayed_ < kMostStayed;
    return sweeping_;
}

}  // namespace graphhook::store
