#pragma once

#include "core/clock.hpp"

#include <string>
#include <string_view>

namespace graphhook::emulator {

/// What the Graph API refuses with.
struct ApiError {
    int status = 400;
    std::string code;
    std::string message;
};

/// The ids of one request that Graph repeats in headers and in an error's body.
struct RequestIds {
    std::string request_id;
    std::string client_request_id;
};

/// protocol 5.8. `now` is shown to the second, without a zone, as Graph does.
std::string error_body(const ApiError& error, const RequestIds& ids, SystemTime now);

}  // namespace graphhook::emulator
