#pragma once

#include "authenticity/token.hpp"
#include "core/clock.hpp"
#include "core/digest.hpp"

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace graphhook::authenticity {

/// Verdicts of token arrays that were seen before, until all their tokens have ended: Graph sends
/// the same token for hours, and asking for it again costs one SHA-256 of the text. Bounded; the
/// least used go first. Threads: any.
class TokenVerdicts {
  public:
    using Verdicts = std::shared_ptr<const std::vector<TokenVerdict>>;

    /// `most_arrays`: beyond that the one not asked for the longest goes.
    explicit TokenVerdicts(std::size_t most_arrays = 1'024) : most_arrays_(most_arrays) {}

    /// nullptr: not known, or all of them have ended.
    [[nodiscard]] Verdicts find(std::string_view tokens_json, SystemTime now);
    /// Keeps them if they are final, and what was read of them has not ended.
    void put(std::string_view tokens_json, const Verdicts& verdicts, SystemTime now);
    /// When our apps change.
    void clear();
    [[nodiscard]] std::size_t size() const;

  private:
    struct Entry {
        Sha256 text;
        Verdicts verdicts;
        SystemTime ends;
    };
    using Entries = std::list<Entry>;
    void erase(Entries::iterator entry);

    /// Of all arrays together: some MiB.
    static constexpr std::size_t kMostVerdicts = 32'768;

    const std::size_t most_arrays_;
    mutable std::mutex mutex_;
    Entries entries_;  ///< The one asked for last comes first.
    std::map<Sha256, Entries::iterator> by_text_;
    std::size_t verdicts_ = 0;
};

}  // namespace graphhook::authenticity
