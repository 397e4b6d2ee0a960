#include "emulator/control_reply.hpp"

#include <boost/json/serialize.hpp>

namespace graphhook::emulator {

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
