#include "handlers/routes.hpp"

#include <algorithm>

namespace graphhook::handlers {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(const std::string& a, const std::string& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return lower(x) == lower(y);
    });
}

bool lets_name_through(const std::vector<std::string>& names, const std::string& value) {
    return names.empty() || std::find(names.begin(), names.end(), value) != names.end();
}

bool lets_word_through(const std::vector<std::string>& words, const std::string& value) {
    return words.empty() || std::any_of(words.begin(), words.end(), [&](const std::string& word) {
               return equal_ignoring_case(word, value);
           });
}

}  // namespace

bool matches(const Route& route, const store::Stream& stream) {
    return !store::is_signal(stream) &&
           route.lifecycle == (stream.lane == store::Lane::Lifecycle) &&
           lets_name_through(route.subscriptions, stream.subscription) &&
           lets_name_through(route.tenants, stream.tenant) &&
           lets_word_through(route.kinds, stream.kind) &&
           lets_word_through(route.changes, stream.change);
}

std::function<bool(const store::Stream&)> make_accepts(
    std::vector<std::string> subscriptions_naming_it, std::vector<Route> routes
) {
    return [named = std::move(subscriptions_naming_it),
            routes = std::move(routes)](const store::Stream& stream) {
        if (stream.lane == store::Lane::Change &&
            std::find(named.begin(), named.end(), stream.subscription) != named.end()) {
            return true;
        }
        return std::any_of(routes.begin(), routes.end(), [&](const Route& route) {
            return matches(route, stream);
        });
    };
}

}  // namespace graphhook::handlers
