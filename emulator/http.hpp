#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graphhook::emulator {

/// A request as the routes see it.
struct Request {
    Request() = default;
    std::string method;
    std::string target;
    /// Names in lower case.
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    /// "https://localhost:8443": how the caller addressed us; links in replies start so.
    std::string base;

    /// Empty if it is absent.
    [[nodiscard]] std::string_view header(std::string_view name) const;
    [[nodiscard]] std::string_view path() const {
        return std::string_view(target).substr(0, target.find('?'));
    }
    [[nodiscard]] std::string_view query() const {
        const auto question = target.find('?');
        return question == std::string::npos ? std::string_view{}
                                             : std::string_view(target).substr(question + 1);
    }
};

struct Response {
    Response() = default;
    Response(int status_, std::string type_, std::string body_)
        : status(status_), type(std::move(type_)), body(std::move(body_)) {}
    int status = 200;
    /// Content-Type; none is sent if it is empty.
    std::string type;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    /// Sent so much later.
    std::chrono::milliseconds delay{0};
    /// Half of the body is sent, and the connection closed.
    bool cut_off = false;
    /// Nothing is sent, and the connection closed.
    bool hang_up = false;
};

Response json_response(int status, std::string body);

}  // namespace graphhook::emulator
