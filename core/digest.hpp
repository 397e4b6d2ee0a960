#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace graphhook {

using Sha256 = std::array<std::byte, 32>;
/// 128 bits of a SHA-256: an identity that nobody can make collide on purpose, at half the memory.
using Key128 = std::array<std::byte, 16>;

[[nodiscard]] Sha256 sha256(std::string_view data) noexcept;
[[nodiscard]] Key128 key128(std::string_view data) noexcept;

/// The first eight bytes as a number, for hash tables and order keys.
template <std::size_t N>
    requires(N >= 8)
[[nodiscard]] std::uint64_t first64(const std::array<std::byte, N>& digest) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, digest.data(), sizeof value);
    return value;
}

[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);

}  // namespace graphhook
