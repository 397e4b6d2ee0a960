#pragma once

#include "handlers/options.hpp"

#include <string>
#include <string_view>

namespace graphhook::handlers {

/// For Content-Encoding: "gzip", "deflate"; empty for identity, which is not named.
[[nodiscard]] std::string_view to_string(ContentCoding coding) noexcept;

/// The body as it travels: gzip by RFC 1952 (without a time, so that equal bodies stay equal),
/// deflate in the zlib format of RFC 1950, as RFC 9110 8.4.1.2 wants it. Pure. Throws
/// std::bad_alloc.
[[nodiscard]] std::string coded(std::string_view body, ContentCoding coding);

}  // namespace graphhook::handlers
