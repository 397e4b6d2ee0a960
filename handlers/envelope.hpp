#pragma once

#include "handlers/handler.hpp"

#include <string>
#include <string_view>

namespace graphhook::handlers {

/// Appends `text` as a JSON string, quotes included. `text` is UTF-8.
void append_json_string(std::string& out, std::string_view text);

/// Appends the delivery as one JSON object on one line, without the newline: what `file` writes and
/// `http` posts. Members, in this order: id, attempt, replayed, lifecycle, source, subscription,
/// tenant, kind, change, resource, received_at, item (the JSON that Graph sent, without its
/// clientState and encryptedContent); and, for a handler that wants it, data (the decrypted
/// resource; null where the item brought none).
void append_envelope(std::string& out, const Delivery& delivery, bool with_data = false);

/// How every line of append_envelope begins.
inline constexpr std::string_view kEnvelopeBegins = R"({"id":")";

}  // namespace graphhook::handlers
