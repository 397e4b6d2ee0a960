#include "core/error.hpp"

#include <stdexcept>

namespace graphhook {

std::string_view to_string(Errc code) noexcept {
    switch (code) {
        case Errc::BadInput:
            return "bad input";
        case Errc::NotFound:
            return "not found";
        case Errc::Conflict:
            return "conflict";
        case Errc::Busy:
            return "busy";
        case Errc::Full:
            return "full";
        case Errc::Corrupt:
            return "corrupt";
        case Errc::Locked:
            return "locked";
        case Errc::NewerSchema:
            return "newer schema";
        case Errc::Failed:
            return "failed";
        case Errc::Unreachable:
            return "unreachable";
        case Errc::Refused:
            return "refused";
        case Errc::Credentials:
            return "credentials";
        case Errc::Aborted:
            return "aborted";
    }
    return "unknown";
}

std::string to_string(const Error& error) {
    std::string text(to_string(error.code));
    if (!error.detail.empty()) text.append(": ").append(error.detail);
    return text;
}

void throw_exception_from_error(const Error& error, const boost::source_location& /*where*/) {
    throw std::runtime_error(to_string(error));
}

}  // namespace graphhook
