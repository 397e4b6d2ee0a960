#include "emulator/http.hpp"

namespace graphhook::emulator {

std::string_view Request::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (key == name) return value;
    }
    return {};
}

Response json_response(int status, std::string body) {
    return {status, "application/json; charset=utf-8", std::move(body)};
}

}  // namespace graphhook::emulator
