#pragma once

#include "core/error.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::emulator {

enum class ContentCoding { Identity, Gzip, Deflate };

/// The value of Content-Encoding, in any case; empty stands for an absent header. Nothing for any
/// other, "identity" too (protocol 10.4).
std::optional<ContentCoding> parse_content_coding(std::string_view text) noexcept;

/// The body as it was before. `deflate` is zlib's format (RFC 1950) or the raw one (RFC 1951).
/// Errc::Full beyond `most` bytes, Errc::Corrupt for what is no such stream, ends too early or has
/// something behind it.
[[nodiscard]] Result<std::string> decode(
    ContentCoding coding, std::string_view body, std::size_t most
);

}  // namespace graphhook::emulator
