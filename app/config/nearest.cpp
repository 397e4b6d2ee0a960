#include "app/config/nearest.hpp"

#include "core/log.hpp"

#include <algorithm>
#include <utility>

namespace graphhook::app {
namespace {

/// Optimal string alignment: like Levenshtein's distance, two letters swapped count as one.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    std::vector<std::size_t> next(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        next[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                next[j] = std::min(next[j], before[j - 2] + 1);
        }
        before = std::exchange(row, next);
    }
    return row[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known) {
    if (word.size() > 64) return {};
    std::string_view best;
    std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const auto candidate : known) {
        const auto found = distance(word, candidate);
        // A word of which nothing is left is not near.
        if (found < least && found < candidate.size()) {
            least = found;
            best = candidate;
        }
    }
    return best;
}

std::string for_message(std::string_view text) {
    return for_log(text, 120);
}

}  // namespace graphhook::app
