#pragma once

#include "app/cli/inspect.hpp"

#include <boost/json/object.hpp>

#include <string>

namespace graphhook::app {

/// Whether the decrypted resource is shown, or only its size.
enum class Reveal : bool { No, Yes };

/// No token, client state or key is in either. Pure.
[[nodiscard]] boost::json::object to_json(const Inspection& inspection, Reveal reveal);
/// For people. Texts of the body are fit for a terminal.
[[nodiscard]] std::string inspection_text(const Inspection& inspection, Reveal reveal);

}  // namespace graphhook::app
