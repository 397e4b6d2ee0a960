#pragma once

#include "core/error.hpp"
#include "emulator/http.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <string_view>

namespace graphhook::emulator {

// How everything below /emulator/ is asked and answers.

/// A number of the query; `otherwise` where there is none of that name.
[[nodiscard]] std::uint64_t query_number(
    const Request& request, std::string_view wanted, std::uint64_t otherwise
);

[[nodiscard]] Response ok(const boost::json::object& json, int status = 200);
/// {"error": {"code": …, "message": …}}
[[nodiscard]] Response refuse(int status, std::string_view code, std::string_view message);
/// NotFound 404, Conflict and Full 409, Refused 410, anything else 400.
[[nodiscard]] Response refuse(const Error& error);

}  // namespace graphhook::emulator
