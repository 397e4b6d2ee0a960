#include "emulator/caller.hpp"

#include <algorithm>
#include <cctype>

namespace graphhook::emulator {
namespace {

bool same(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) ==
               std::tolower(static_cast<unsigned char>(y));
    });
}

}  // namespace

bool Caller::has_one_of(std::string_view wanted) const {
    if (wanted.empty()) return true;
    const auto& granted = delegated ? scopes : roles;
    while (!wanted.empty()) {
        const auto space = wanted.find(' ');
        const auto word = wanted.substr(0, space);
        wanted = space == std::string_view::npos ? std::string_view{} : wanted.substr(space + 1);
        for (const auto& one : granted) {
            if (one == "*" || same(one, word)) return true;
        }
    }
    return false;
}

bool Caller::was_given(std::string_view permission) const {
    const auto& granted = delegated ? scopes : roles;
    return std::any_of(granted.begin(), granted.end(), [&](const auto& one) {
        return same(one, permission);
    });
}

bool Caller::is_user(std::string_view name) const {
    return delegated && (same(name, user) || same(name, user_name));
}

}  // namespace graphhook::emulator
