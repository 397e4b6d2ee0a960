#pragma once

#include "core/clock.hpp"
#include "emulator/caller.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace graphhook::emulator {

/// So many requests in any span of this length.
struct Quota {
    std::chrono::seconds span{20};
    std::size_t most = 0;
};

/// The requests of one scope in the last span. Counts them whether or not there is a quota.
class SlidingWindow {
  public:
    /// How long until another request is within the quota; nothing if it is now.
    [[nodiscard]] std::optional<std::chrono::microseconds> wait(const Quota& quota, SteadyTime now);
    /// Counts a request. What is refused uses up nothing.
    void count(const Quota& quota, bool admitted, SteadyTime now);
    /// The most requests in any span so far, the refused ones too.
    [[nodiscard]] std::size_t most() const noexcept { return most_; }
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
    /// Nothing happened in the last span.
    [[nodiscard]] bool idle(const Quota& quota, SteadyTime now) const;

  private:
    void slide(const Quota& quota, std::int64_t at);
    struct Entry {
        std::int64_t micros;
        bool admitted;
    };
    std::vector<Entry> entries_;
    std::size_t first_ = 0;  ///< entries before this one are over
    std::size_t admitted_ = 0;
    std::size_t most_ = 0;
    std::uint64_t refused_ = 0;
};

/// What a request costs (protocol 5.10).
enum class Operation {
    Write,        ///< POST, PATCH, DELETE of subscriptions: 2,000, and 500 for an app in a tenant
    Reauthorize,  ///< 4,000 and 1,000
    Get,          ///< one subscription: 2,000 and 500
    List,         ///< 40 and 25
    Security,     ///< below /security: 150 a minute for an app in a tenant
    Other,        ///< 130,000 in 10 s for an app, as all the others
};

/// The quotas of Graph. Spans are measured by the injected clock. One thread.
class Quotas {
  public:
    explicit Quotas(bool enforce) : enforce_(enforce) {}

    struct Refusal {
        std::chrono::seconds retry_after{1};
        std::string message;
    };
    [[nodiscard]] std::optional<Refusal> ask(Operation what, const Caller& caller, SteadyTime now);

    /// One of at most 4 requests at a time, and 10,000 in 10 minutes, for an app in a mailbox
    /// (empty: none). Call `leave` with the same when it is over, unless it is refused.
    [[nodiscard]] std::optional<Refusal> enter_mailbox(
        const Caller& caller, std::string_view mailbox, SteadyTime now
    );
    void leave_mailbox(const Caller& caller, std::string_view mailbox);

    /// For every operation and scope the quota, the most in any span, and how many were refused.
    [[nodiscard]] boost::json::object to_json() const;
    void clear();

  private:
    struct Mailbox {
        SlidingWindow window;
        std::size_t inside = 0;
    };
    [[nodiscard]] static std::string mailbox_key(const Caller& caller, std::string_view mailbox);
    void tidy(SteadyTime now);

    const bool enforce_;
    std::map<std::pair<Operation, std::string>, SlidingWindow> apps_;
    std::map<std::pair<Operation, std::string>, SlidingWindow> tenants_;
    std::unordered_map<std::string, Mailbox> mailboxes_;
    std::size_t mailbox_most_ = 0;
    std::size_t mailbox_most_inside_ = 0;
    std::uint64_t mailbox_refused_ = 0;
    std::size_t tidy_at_ = 10'000;
};

}  // namespace graphhook::emulator
