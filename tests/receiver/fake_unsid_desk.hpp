#pragma once

#include "receiver/unsid_desk.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace graphhook::receiver {

inline constexpr std::string_view kUserId = "00000000-1111-4222-8333-444444444444";
inline constexpr std::string_view kClientApp = "99999999-8888-4777-8666-555555555555";

/// A desk in memory that believes tokens by their text: "good" is the user's, "expired", "noscope"
/// and "unprovable" are what they say, "throws" fails, and whatever else is invalid. Threads: any.
class FakeUnsidDesk final : public UnsidDesk {
  public:
    BearerAnswer who(std::string_view bearer) override;
    void put(UnsidUser user, UnsidForm form, Completion<bool> done) override;
    void withdraw(UnsidUser user, std::string unsid, Completion<std::monostate> done) override;

    /// The store's word, until nullopt.
    void fail_with(std::optional<Error> error);
    /// What reaches the store is kept back until hold(false).
    void hold(bool held);
    /// Tokens are kept back until hold_tokens(false): their thread stands still.
    void hold_tokens(bool held);
    /// False: not so many within ten seconds.
    [[nodiscard]] bool wait_for_held(std::size_t count) const;
    [[nodiscard]] bool wait_for_tokens(std::size_t count) const;

    struct Kept {
        UnsidUser user;
        UnsidForm form;
    };
    [[nodiscard]] std::vector<Kept> kept() const;
    [[nodiscard]] std::vector<std::string> withdrawn() const;
    /// How many were asked for.
    [[nodiscard]] std::size_t tokens() const;
    [[nodiscard]] std::vector<std::thread::id> token_threads() const;

  private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::optional<Error> error_;
    bool hold_ = false;
    bool hold_tokens_ = false;
    std::vector<Task> held_;
    std::vector<Kept> kept_;
    std::vector<std::string> withdrawn_;
    std::vector<std::thread::id> token_threads_;
};

}  // namespace graphhook::receiver
