#include "emulator/control_call.hpp"

#include "emulator/url.hpp"

#include <boost/json/serialize.hpp>

#include <charconv>

namespace graphhook::emulator {

std::uint64_t query_number(
    const Request& request, std::string_view wanted, std::uint64_t otherwise
) {
    const auto query = parse_form(request.query());
    if (!query) return otherwise;
    for (const auto& [name, value] : *query) {
        std::uint64_t number = 0;
        if (name != wanted) continue;
        if (std::from_chars(value.data(), value.data() + value.size(), number).ec == std::errc{})
            return number;
    }
    return otherwise;
}

Response ok(const boost::json::object& json, int status) {
    return json_response(status, boost::json::serialize(json));
}

Response refuse(int status, std::string_view code, std::string_view message) {
    return ok({{"error", {{"code", code}, {"message", message}}}}, status);
}

Response refuse(const Error& error) {
    switch (error.code) {
        case Errc::NotFound:
            return refuse(404, "notFound", error.detail);
        case Errc::Conflict:
            return refuse(409, "conflict", error.detail);
        case Errc::Full:
            return refuse(409, "full", error.detail);
        case Errc::Refused:
            return refuse(410, "expired", error.detail);
        default:
            return refuse(400, "badInput", error.detail);
    }
}

}  // namespace graphhook::emulator
