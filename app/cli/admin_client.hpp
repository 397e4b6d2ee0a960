#pragma once

#include "core/error.hpp"

#include <boost/json/value.hpp>

#include <chrono>
#include <string>

namespace graphhook::app {

/// Asks a running `serve` over its Unix socket. Threads: one; calls block.
class AdminClient {
  public:
    explicit AdminClient(
        std::string socket_path, std::chrono::seconds timeout = std::chrono::seconds(150)
    );

    /// What it answered with 2xx. Errc::NotFound: nobody listens there (the detail says so to an
    /// operator). Errc::Refused: we may not, or it said no, with its reason. Errc::Unreachable: it
    /// did not answer.
    [[nodiscard]] Result<boost::json::value> call(
        const std::string& method, const std::string& target, const boost::json::value& body
    );

  private:
    std::string path_;
    std::chrono::seconds timeout_;
};

}  // namespace graphhook::app
