#pragma once

#include <boost/system/result.hpp>

#include <string>
#include <string_view>

namespace graphhook {

/// What went wrong, named after what the caller does next.
enum class Errc {
    BadInput,     ///< The peer's or the user's fault: say so, do not try again.
    NotFound,     ///< The thing named is not there.
    Conflict,     ///< Somebody else was first, or the state does not allow it.
    Busy,         ///< Not now; try again later.
    Full,         ///< No room: disk, limit or quota.
    Corrupt,      ///< What is stored is not what we wrote.
    Locked,       ///< Another process holds it.
    NewerSchema,  ///< Written by a later release.
    Failed,       ///< The layer below failed and nothing more is promised of it (a failed fsync).
    Unreachable,  ///< No connection, or none in time.
    Refused,      ///< The peer understood and said no.
    Credentials,  ///< The peer wants other credentials.
    Aborted,      ///< Our own side gave up, normally because it is stopping.
};

/// "bad input", "not found", ...
std::string_view to_string(Errc code) noexcept;

/// An error as a value: `code` decides, `detail` is for a human and never holds a secret.
struct Error {
    Errc code = Errc::Failed;
    std::string detail;
};

/// "locked: another graphhook (pid 12) serves this store"
std::string to_string(const Error& error);

[[noreturn]] void throw_exception_from_error(
    const Error& error, const boost::source_location& where
);

/// Everything that a peer, the network, the disk, the clock or the configuration can cause comes
/// back as a value.
template <class T>
using Result = boost::system::result<T, Error>;

/// `return fail(Errc::Busy, "…");` from any function that returns a Result.
inline Error fail(Errc code, std::string detail) {
    return Error{code, std::move(detail)};
}

}  // namespace graphhook
