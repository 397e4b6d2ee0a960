#pragma once

#include "emulator/http.hpp"
#include "emulator/identity/identity.hpp"

#include <boost/json/object.hpp>

namespace graphhook::emulator {

/// The part of the control API below /emulator/identity (docs/graph-emulator.md). `body` is the
/// request's, empty for GET and DELETE.
[[nodiscard]] Response identity_control(
    Identity& identity, const Request& request, const boost::json::object& body
);

[[nodiscard]] inline bool is_identity_control(std::string_view path) {
    return path == "/emulator/identity" || path.starts_with("/emulator/identity/");
}

}  // namespace graphhook::emulator
