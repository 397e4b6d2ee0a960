#include "emulator/object_id.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace graphhook::emulator {
namespace {

constexpr std::uint64_t kMillis = 1'600'000'000'000;

/// What stands around the number, and how it is written.
struct Form {
    std::string_view before;
    std::string_view after;
    int base = 10;
};

Form form_of(IdStyle style) {
    switch (style) {
        // As long as the real ones, which carry the mailbox and the folder in front.
        case IdStyle::Outlook:
            return {
                "AAMkAGVtdWxhdG9yLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwMABGAAAAAADemulatedAAAAAABDAAA"
                "AEMU1BAAA",
                "AAA="
            };
        case IdStyle::Guid:
            return {"e0000000-0000-4000-8000-", "", 16};
        case IdStyle::Number:
        case IdStyle::Millis:
            return {"", ""};
        case IdStyle::Alert:
            return {"2518268485253060642_e0000000-0000-4000-8000-", "", 16};
        case IdStyle::Shift:
            return {"SHFT_e0000000-0000-4000-8000-", "", 16};
        case IdStyle::Opaque:
            return {"MCMjMCMjemulated", "=="};
        case IdStyle::DriveItem:
            return {"01EMULATED", ""};
    }
    return {};
}

bool same(char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
}

}  // namespace

std::string object_id(IdStyle style, std::uint64_t number) {
    const Form form = form_of(style);
    if (style == IdStyle::Number) return fmt::format("{}", number);
    if (style == IdStyle::Millis) return fmt::format("{}", kMillis + number);
    if (style == IdStyle::DriveItem) return fmt::format("{}{:024}", form.before, number);
    return form.base == 16 ? fmt::format("{}{:012x}{}", form.before, number, form.after)
                           : fmt::format("{}{:012}{}", form.before, number, form.after);
}

std::optional<std::uint64_t> object_number(IdStyle style, std::string_view id) {
    const Form form = form_of(style);
    if (id.size() <= form.before.size() + form.after.size()) return std::nullopt;
    const auto before = id.substr(0, form.before.size());
    const auto after = id.substr(id.size() - form.after.size());
    if (!std::equal(before.begin(), before.end(), form.before.begin(), same)) return std::nullopt;
    if (!std::equal(after.begin(), after.end(), form.after.begin(), same)) return std::nullopt;
    const auto digits = id.substr(before.size(), id.size() - before.size() - after.size());
    std::uint64_t number = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, form.base);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    if (style == IdStyle::Millis) {
        if (number < kMillis) return std::nullopt;
        number -= kMillis;
    }
    return number;
}

std::string outlook_etag(std::uint64_t change) {
    return fmt::format("W/\"CQAAABYAAAC{:016X}\"", change);
}

}  // namespace graphhook::emulator
