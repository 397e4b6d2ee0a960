#pragma once

#include <boost/system/result.hpp>

#include <string>
#include <utility>

namespace graphhook::emulator {

/// Why the identity platform says no (protocol 9.7).
struct Refusal {
    Refusal() = default;
    Refusal(int status_, std::string error_, int code_, std::string text_)
        : status(status_), error(std::move(error_)), code(code_), text(std::move(text_)) {}
    int status = 400;
    std::string error;
    /// The number after "AADSTS".
    int code = 0;
    std::string text;
};

/// 401 invalid_client: the credential is not good.
inline Refusal bad_client(int code, std::string text) {
    return {401, "invalid_client", code, std::move(text)};
}
/// 400 invalid_grant: what was signed in once is not any more, or not yet.
inline Refusal bad_grant(int code, std::string text) {
    return {400, "invalid_grant", code, std::move(text)};
}
inline Refusal bad_request(int code, std::string text) {
    return {400, "invalid_request", code, std::move(text)};
}

/// Never called in a run without bugs: it is for value() of a refusal.
[[noreturn]] void throw_exception_from_error(
    const Refusal& refusal, const boost::source_location& where
);
template <class T>
using Granted = boost::system::result<T, Refusal>;

}  // namespace graphhook::emulator
