#pragma once

#include "core/clock.hpp"
#include "emulator/caller.hpp"
#include "emulator/http.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <deque>
#include <map>

namespace graphhook::emulator {

/// What was posted to the service, taken or refused: for tests to look at. Keeps the newest 10,000.
/// One thread.
class ReceivedPosts {
  public:
    /// What became of one. The body is read as far as it can be, whatever was answered. No token is
    /// kept.
    void add(
        const Request& request, const Caller& caller, const Response& response,
        std::size_t endpoints, SystemTime now
    );
    /// {"received":[…]}, and "next" to ask `after` where there is more.
    [[nodiscard]] boost::json::object page(std::uint64_t after, std::size_t limit) const;
    /// {"201":3,"406":1}
    [[nodiscard]] boost::json::object by_status() const;
    [[nodiscard]] std::uint64_t count() const noexcept { return next_ - 1; }
    void clear();

  private:
    std::deque<boost::json::object> posts_;
    std::uint64_t next_ = 1;
    std::map<int, std::uint64_t> by_status_;
};

}  // namespace graphhook::emulator
