#pragma once

#include "core/clock.hpp"
#include "emulator/quotas.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <unordered_map>

namespace graphhook::emulator {

/// The limits of one user (protocol 10.9): GET 400 in 5 minutes and 12,000 in a day; POST, PUT,
/// PATCH and DELETE together 100 and 8,000. Requests are counted in any case. One thread.
class UserLimits {
  public:
    explicit UserLimits(bool enforce) : enforce_(enforce) {}

    enum class Kind { Read, Write };
    /// Counts a request of the user; how long to wait if it is beyond a limit. What is refused uses
    /// up nothing.
    [[nodiscard]] std::optional<std::chrono::seconds> ask(
        const std::string& user, Kind kind, SteadyTime now
    );
    /// {"enforced":true,"users":2,"refused":0}
    [[nodiscard]] boost::json::object to_json() const;
    void clear();

  private:
    struct Windows {
        SlidingWindow soon;  ///< of 5 minutes
        SlidingWindow day;
    };
    struct User {
        Windows read;
        Windows write;
    };
    void tidy(SteadyTime now);

    const bool enforce_;
    std::unordered_map<std::string, User> users_;
    std::uint64_t refused_ = 0;
    std::size_t tidy_at_ = 10'000;
};

}  // namespace graphhook::emulator
