#pragma once

#include "core/http_client.hpp"

#include <boost/json/object.hpp>

#include <memory>
#include <string>

namespace graphhook::emulator::cli {

/// Where a running emulator is and how it is trusted.
struct Target {
    std::string url = "https://localhost:8443";
    std::string ca;  ///< PEM file; empty: that of the certificates directory if there is one
    std::string certificates_directory;  ///< empty: the default one
};

/// Speaks to the control API of a running emulator. Blocks.
class Client {
  public:
    explicit Client(const Target& target);
    /// The JSON of a 2xx answer. Otherwise Errc::Refused with the emulator's reason, or
    /// Errc::Unreachable.
    [[nodiscard]] Result<boost::json::object> send(std::string_view method, std::string_view path);
    [[nodiscard]] Result<boost::json::object> send(
        std::string_view method, std::string_view path, const boost::json::object& body
    );

  private:
    [[nodiscard]] Result<boost::json::object> transfer(const HttpRequest& request);

    std::string url_;
    std::unique_ptr<HttpClient> http_;
};

}  // namespace graphhook::emulator::cli
