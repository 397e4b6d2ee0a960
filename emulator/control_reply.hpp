#pragma once

#include "core/error.hpp"
#include "emulator/http.hpp"

#include <boost/json/object.hpp>

#include <string_view>

namespace graphhook::emulator {

// How everything below /emulator/ answers.

[[nodiscard]] Response ok(const boost::json::object& json, int status = 200);
/// {"error": {"code": …, "message": …}}
[[nodiscard]] Response refuse(int status, std::string_view code, std::string_view message);
/// NotFound 404, Conflict and Full 409, Refused 410, anything else 400.
[[nodiscard]] Response refuse(const Error& error);

}  // namespace graphhook::emulator
