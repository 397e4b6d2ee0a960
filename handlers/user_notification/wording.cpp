#include "handlers/user_notification/wording.hpp"

#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace graphhook::handlers {
namespace {

constexpr std::array<std::string_view, 4> kPlatforms = {"Windows", "iOS", "Android", "WebPush"};
constexpr std::array<std::string_view, 3> kPriorities = {"None", "High", "Low"};

template <std::size_t N>
std::optional<std::string_view> named(
    const std::array<std::string_view, N>& names, std::string_view text
) noexcept {
    for (const auto name : names) {
        if (same_letters(name, text)) return name;
    }
    return std::nullopt;
}

bool is_letter(char c) noexcept {
    return lower(c) >= 'a' && lower(c) <= 'z';
}

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool is_label(std::string_view label) noexcept {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-')
        return false;
    return std::ranges::all_of(label, [](char c) {
        return is_letter(c) || is_digit(c) || c == '-';
    });
}

bool is_control(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

std::optional<std::string> size_problem(std::string_view text, std::size_t most) {
    if (text.size() <= most) return std::nullopt;
    return fmt::format("is longer than {} bytes", most);
}

}  // namespace

std::optional<std::string_view> platform_named(std::string_view text) noexcept {
    return named(kPlatforms, text);
}

std::optional<std::string_view> priority_named(std::string_view text) noexcept {
    return named(kPriorities, text);
}

std::optional<std::string> host_name_problem(std::string_view text) {
    if (text.empty()) return "is required";
    if (text.find("://") != std::string_view::npos) return "must be a domain without a scheme";
    if (text.size() > 253) return "is longer than 253 characters";
    std::string_view rest = text;
    for (;;) {
        const auto dot = rest.find('.');
        const auto label = rest.substr(0, dot);
        if (!is_label(label)) return "is not a domain (letters, digits, hyphens and dots)";
        if (dot == std::string_view::npos) {
            if (std::ranges::all_of(label, is_digit)) return "must be a domain, not an address";
            return std::nullopt;
        }
        rest.remove_prefix(dot + 1);
    }
}

std::optional<std::string> name_problem(std::string_view text) {
    if (!is_utf8(text)) return "is not UTF-8";
    if (std::ranges::any_of(text, is_control)) return "has control characters";
    return size_problem(text, kMostNameBytes);
}

std::optional<std::string> text_problem(std::string_view text, std::size_t most_bytes, bool lines) {
    if (!is_utf8(text)) return "is not UTF-8";
    const bool control = std::ranges::any_of(text, [lines](char c) {
        return is_control(c) && !(lines && (c == '\n' || c == '\r' || c == '\t'));
    });
    if (control) return "has control characters";
    return size_problem(text, most_bytes);
}

std::optional<std::string> raw_problem(std::string_view text, std::size_t most_bytes) {
    if (text.empty()) return "is empty";
    if (!is_utf8(text)) return "is not UTF-8";
    if (text.find('\0') != std::string_view::npos) return "has a NUL character";
    return size_problem(text, most_bytes);
}

}  // namespace graphhook::handlers
