#include "authenticity/verdict_cache.hpp"

#include <algorithm>

namespace graphhook::authenticity {
namespace {

/// When the last of them has. Those of which no end could be read prove nothing and never will.
SystemTime end_of(const std::vector<TokenVerdict>& verdicts) {
    SystemTime end;
    for (const TokenVerdict& verdict : verdicts) end = std::max(end, verdict.expires);
    return end + kLeeway;
}

}  // namespace

TokenVerdicts::Verdicts TokenVerdicts::find(std::string_view tokens_json, SystemTime now) {
    const Sha256 text = sha256(tokens_json);
    const std::lock_guard lock(mutex_);
    const auto found = by_text_.find(text);
    if (found == by_text_.end()) return nullptr;
    const auto entry = found->second;
    if (entry->ends < now) {
        erase(entry);
        return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, entry);
    return entry->verdicts;
}

void TokenVerdicts::put(std::string_view tokens_json, const Verdicts& verdicts, SystemTime now) {
    if (!verdicts || !is_final(*verdicts) || verdicts->size() > kMostVerdicts) return;
    const SystemTime ends = end_of(*verdicts);
    if (ends < now) return;
    const Sha256 text = sha256(tokens_json);
    const std::lock_guard lock(mutex_);
    if (const auto found = by_text_.find(text); found != by_text_.end()) erase(found->second);
    entries_.push_front({.text = text, .verdicts = verdicts, .ends = ends});
    by_text_.emplace(text, entries_.begin());
    verdicts_ += verdicts->size();
    while (entries_.size() > most_arrays_ || verdicts_ > kMostVerdicts)
        erase(std::prev(entries_.end()));
}

void TokenVerdicts::clear() {
    const std::lock_guard lock(mutex_);
    by_text_.clear();
    entries_.clear();
    verdicts_ = 0;
}

std::size_t TokenVerdicts::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

void TokenVerdicts::erase(Entries::iterator entry) {
    verdicts_ -= entry->verdicts->size();
    by_text_.erase(entry->text);
    entries_.erase(entry);
}

}  // namespace graphhook::authenticity
