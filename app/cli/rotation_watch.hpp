#pragma once

#include <boost/json/array.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::app {

/// Of the keys that `GET /api/v1/keys` lists: the one that is not current and that live
/// subscriptions still use, with their number; the most used if there are several. Nothing: no
/// rotation is under way. Pure.
struct UnfinishedRotation {
    std::string key;
    std::size_t subscriptions = 0;
};
[[nodiscard]] std::optional<UnfinishedRotation> unfinished_rotation(const boost::json::array& keys);

/// Follows how subscriptions move to the current key, from what `GET /api/v1/keys` answers now and
/// then, and says when there is nothing more to wait for. Pure but for what it is told. Threads:
/// one.
class RotationWatch {
  public:
    enum class Verdict {
        GoesOn,
        Done,   ///< None uses another key than the current one.
        Stuck,  ///< Some do, and nothing has happened for `kPatience`.
    };
    /// Two requests about one subscription are ten minutes apart.
    static constexpr std::chrono::minutes kPatience{15};

    /// `now`: since any fixed moment.
    Verdict take(const boost::json::array& keys, std::chrono::milliseconds now);

    [[nodiscard]] std::size_t done() const { return most_ - left_; }
    [[nodiscard]] std::size_t total() const { return most_; }
    /// "120 of 4000 subscriptions moved"
    [[nodiscard]] std::string text() const;

  private:
    std::size_t most_ = 0, left_ = 0;
    std::optional<std::chrono::milliseconds> changed_at_;
};

}  // namespace graphhook::app
