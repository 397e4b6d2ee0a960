#pragma once

#include <boost/json/array.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace graphhook::app {

/// Follows what `subscriptions apply` began, from what `GET /api/v1/progress` answers now and then,
/// and says when there is nothing more to wait for. Pure but for what it is told. Threads: one.
class ApplyWatch {
  public:
    enum class Verdict {
        GoesOn,
        Done,   ///< Nothing is left to do now.
        Stuck,  ///< There is something to do, and nothing has happened for `kPatience`.
    };
    static constexpr std::chrono::seconds kPatience{180};

    /// `now`: since any fixed moment.
    Verdict take(const boost::json::array& progress, std::chrono::milliseconds now);

    [[nodiscard]] std::size_t done() const { return most_ - left_; }
    [[nodiscard]] std::size_t total() const { return most_; }
    [[nodiscard]] std::size_t failing() const { return failing_; }
    [[nodiscard]] std::size_t parked() const { return parked_; }
    /// "120 of 4000 done, 3 failing, about 2 minutes"
    [[nodiscard]] std::string text() const;

  private:
    std::size_t most_ = 0, left_ = 0;
    std::size_t wanted_ = 0, standing_ = 0, parked_ = 0, failing_ = 0;
    bool expanding_ = false;
    std::chrono::seconds estimate_{0};
    int quiet_ = 0;
    std::optional<std::chrono::milliseconds> changed_at_;
};

}  // namespace graphhook::app
