#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace graphhook {

/// A value that must not be shown: it has no stream operator, says "***" to fmt, is wiped when it
/// goes, and is compared in constant time. `reveal()` is the one place where it becomes text again:
/// search for it to see who reads secrets.
class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    Secret(const Secret&) = default;
    Secret(Secret&& other) noexcept;
    Secret& operator=(const Secret& other);
    Secret& operator=(Secret&& other) noexcept;
    ~Secret();

    [[nodiscard]] std::string_view reveal() const noexcept { return value_; }
    [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
    /// Takes the same time wherever the two differ (their lengths are not hidden).
    [[nodiscard]] bool equals(std::string_view other) const noexcept;

  private:
    void wipe() noexcept;
    std::string value_;
};

/// Constant-time for equal lengths.
[[nodiscard]] bool equal_in_constant_time(
    std::span<const std::byte> a, std::span<const std::byte> b
) noexcept;

/// `bytes` from the operating system's generator, as lower-case hex (twice as many characters).
/// Terminates if there is none.
std::string random_hex(std::size_t bytes);

}  // namespace graphhook
