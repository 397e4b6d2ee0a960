#pragma once

#include "core/error.hpp"
#include "core/secret.hpp"
#include "subscriptions/credentials/token_source.hpp"

#include <chrono>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>

namespace graphhook::subscriptions {

/// What `graphhook login` leaves behind, and every renewal replaces: a JSON object, mode 0600.
struct SignIn {
    Secret refresh_token;
    std::string client_id;  ///< Of the app that it was made for.
    std::string scope;      ///< Asked for at the login.
};

/// Errc::NotFound: nobody has signed in. Errc::BadInput: not such a file, or one that others may
/// read or write, or that is not ours: then it is not used.
[[nodiscard]] Result<SignIn> read_sign_in(const std::string& path);

/// Whole or not at all, and durable when it returns: written beside it, flushed, renamed over it,
/// the folder flushed. Hold the lock. Errc::Failed, Errc::Full.
[[nodiscard]] Result<std::monostate> store_sign_in(const std::string& path, const SignIn& sign_in);

/// Keeps everyone else (threads and processes of this machine) from renewing the same sign-in: a
/// refresh token is read, used and replaced by one at a time, so no new one is ever lost. Lies in
/// `path` + ".lock", which stays.
class SignInLock {
  public:
    /// Waits for up to `most`. Errc::Locked: another holds it all that time; Errc::Aborted;
    /// Errc::Failed: the folder cannot be written to.
    [[nodiscard]] static Result<SignInLock> take(
        const std::string& path, const Wait& wait, const std::stop_token& stop,
        std::chrono::milliseconds most = std::chrono::seconds(60)
    );
    SignInLock(SignInLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
    SignInLock& operator=(SignInLock&&) = delete;
    SignInLock(const SignInLock&) = delete;
    SignInLock& operator=(const SignInLock&) = delete;
    ~SignInLock();

  private:
    explicit SignInLock(int file) noexcept : file_(file) {}
    int file_ = -1;
};

}  // namespace graphhook::subscriptions
