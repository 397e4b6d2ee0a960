#include "app/config/interpolate.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace graphhook::app {
namespace {

bool is_name(std::string_view text) {
    const auto fits = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '_';
    };
    return !text.empty() && !(text.front() >= '0' && text.front() <= '9') &&
           std::all_of(text.begin(), text.end(), fits);
}

}  // namespace

Result<std::string> interpolate(std::string_view text, const EnvironmentLookup& environment) {
    std::string out;
    while (!text.empty()) {
        if (text.starts_with("$${")) {
            out += "${";
            text.remove_prefix(3);
        } else if (text.starts_with("${")) {
            const auto close = text.find('}');
            if (close == std::string_view::npos)
                return fail(Errc::BadInput, "'${' is not closed (write '$${' for a literal '${')");
            const auto inside = text.substr(2, close - 2);
            const auto colon = inside.find(":-");
            const auto name = inside.substr(0, colon);
            if (!is_name(name)) {
                return fail(
                    Errc::BadInput,
                    fmt::format(
                        "'{}' is not the name of a variable (write '$${{' for a literal '${{')",
                        name
                    )
                );
            }
            auto value = environment(name);
            if (colon != std::string_view::npos && (!value || value->empty()))
                value = std::string(inside.substr(colon + 2));
            if (!value) {
                return fail(
                    Errc::BadInput, fmt::format("the environment variable '{}' is not set", name)
                );
            }
            out += *value;
            text.remove_prefix(close + 1);
        } else {
            out += text.front();
            text.remove_prefix(1);
        }
    }
    return out;
}

}  // namespace graphhook::app
