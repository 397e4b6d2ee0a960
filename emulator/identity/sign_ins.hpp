#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "emulator/identity/directory.hpp"
#include "emulator/identity/refusal.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::emulator {

/// A user who signed in to an app, and what the app asked for.
struct SignIn {
    User user;
    std::string client;
    std::string resource;
    bool everything = false;
    std::vector<std::string> scopes;
    bool offline = false;
    bool openid = false;
};

/// Device codes (RFC 8628) and refresh tokens (protocol 9.4). One thread.
class SignIns {
  public:
    struct Options {
        std::chrono::seconds code_life{900};
        /// How far apart polls must be; every poll that comes sooner adds five seconds. Zero: as
        /// fast as one likes.
        std::chrono::seconds interval{5};
        /// Every use of a refresh token gives a new one.
        bool rotate = true;
        /// A refresh token works on after it gave a new one.
        bool keep_used = true;
        /// Without a use for so long a refresh token ends.
        std::chrono::hours idle_life{90 * 24};
    };
    explicit SignIns(Options options) : options_(options) {}

    struct Started {
        std::string device_code;
        std::string user_code;
    };
    /// `tenant`: as in the path of the request, "common" and its kin too. The sign-in has no user
    /// yet. AADSTS90055 when there are too many.
    [[nodiscard]] Granted<Started> start(std::string_view tenant, SignIn wanted, SystemTime now);
    /// What a user code waits for: its tenant. Errc::NotFound, or Errc::Conflict if it is decided
    /// or over.
    [[nodiscard]] Result<std::string> waiting(std::string_view user_code, SystemTime now) const;
    /// After `waiting`: the user says yes, or (without one) no.
    void decide(std::string_view user_code, std::optional<User> user);
    /// A poll of the token endpoint: authorization_pending (70016), slow_down, expired_token
    /// (70020), access_denied (65004), bad_verification_code (70018). A code works once.
    [[nodiscard]] Granted<SignIn> poll(
        std::string_view device_code, std::string_view client, SystemTime now
    );

    /// A first refresh token for a sign-in.
    [[nodiscard]] std::string issue(SignIn sign_in, SystemTime now);
    /// What a refresh token is for, without using it. 70000 for what is none, or another app's, or
    /// was used where it may not be used twice; 50173 revoked; 700082 too long unused.
    [[nodiscard]] Granted<SignIn> look(
        std::string_view token, std::string_view client, SystemTime now
    ) const;
    /// Uses it, after `look`: the token that replaces it; empty where it stays the only one.
    [[nodiscard]] std::string use(std::string_view token, SystemTime now);

    enum class Ending { Revoked, Expired };
    /// Ends refresh tokens of a tenant, an app, a user (by id): empty names fit all. How many.
    std::size_t end(
        std::string_view tenant, std::string_view client, std::string_view user, Ending ending
    );
    [[nodiscard]] std::size_t refresh_tokens() const noexcept { return tokens_.size(); }
    void clear();

  private:
    struct Code {
        std::string user_code;
        std::string tenant;
        SignIn wanted;
        SystemTime until;
        SystemTime next_poll;
        std::chrono::seconds interval{0};
        enum class State { Waiting, Approved, Denied } state = State::Waiting;
    };
    struct Token {
        SignIn sign_in;
        SystemTime issued;
        SystemTime used;
        std::uint64_t order = 0;
        bool replaced = false;
        std::optional<Ending> ended;
    };
    [[nodiscard]] const Code* find(std::string_view user_code) const;
    std::string add(SignIn sign_in, SystemTime now);
    void tidy(SystemTime now);

    const Options options_;
    std::map<std::string, Code, std::less<>> codes_;    // by device code
    std::map<std::string, Token, std::less<>> tokens_;  // by refresh token
    std::map<std::uint64_t, std::string> by_age_;       // tokens, oldest first
    std::uint64_t last_ = 0;
};

}  // namespace graphhook::emulator
