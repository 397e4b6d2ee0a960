#include "emulator/api_error.hpp"

#include "core/time_text.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace graphhook::emulator {

std::string error_body(const ApiError& error, const RequestIds& ids, SystemTime now) {
    const auto date = to_text(std::chrono::floor<std::chrono::seconds>(now)).substr(0, 19);
    const boost::json::value body{
        {"error",
         {{"code", error.code},
          {"message", error.message},
          {"innerError",
           {{"date", date},
            {"request-id", ids.request_id},
            {"client-request-id", ids.client_request_id}}}}}
    };
    return boost::json::serialize(body);
}

}  // namespace graphhook::emulator
