#pragma once

#include "core/clock.hpp"
#include "handlers/opener.hpp"

#include <boost/json/object.hpp>

#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace graphhook::app {

/// Why rich deliveries wait.
struct UnprovedRow {
    std::string reason;  ///< A label such as "no_private_key".
    std::string detail;  ///< Of the one that was asked about last.
    SystemTime since;    ///< It has been so all the time from then on.
    SystemTime last_at;  ///< When one was last asked about.
};
[[nodiscard]] boost::json::object to_json(const UnprovedRow& row);

/// Asks another opener, and knows for what deliveries wait now: what was answered Waits, until it
/// would have been asked about again and was not. The store does not write down why something
/// waits. Threads: any.
class UnprovedWatch : public handlers::Opener {
  public:
    /// Both must outlive it.
    UnprovedWatch(handlers::Opener& opener, Clock& clock) : opener_(opener), clock_(clock) {}

    [[nodiscard]] std::vector<handlers::Opened> open(
        std::span<const store::Delivery> batch, bool decrypt, std::stop_token stop
    ) override;

    /// By reason; empty: nothing waits.
    [[nodiscard]] std::vector<UnprovedRow> rows();

  private:
    struct Seen {
        UnprovedRow row;
        SteadyTime until;  ///< Without another word it is over then.
    };
    void forget_what_is_over(SteadyTime now);

    handlers::Opener& opener_;
    Clock& clock_;
    std::mutex mutex_;
    std::map<std::string, Seen> seen_;  ///< Guarded by mutex_.
};

}  // namespace graphhook::app
