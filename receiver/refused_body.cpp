#include "receiver/refused_body.hpp"

#include "core/text.hpp"

namespace graphhook::receiver {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

/// Where a string member's text lies.
struct Found {
    std::size_t begin = std::string_view::npos;
    std::size_t end = 0;    ///< One past its last character.
    bool complete = false;  ///< Its closing quote is there.
};

/// Where the value of the next member `name` begins, at or after `from`; the name in any case of
/// letters.
std::size_t find_value(std::string_view body, std::string_view name, std::size_t from) {
    for (auto at = body.find('"', from); at != std::string_view::npos;
         at = body.find('"', at + 1)) {
        if (!same_letters(body.substr(at + 1, name.size()), name)) continue;
        auto next = at + 1 + name.size();
        if (next >= body.size() || body[next] != '"') continue;
        next = body.find_first_not_of(kSpace, next + 1);
        if (next == std::string_view::npos || body[next] != ':') continue;
        next = body.find_first_not_of(kSpace, next + 1);
        if (next != std::string_view::npos) return next;
    }
    return std::string_view::npos;
}

/// The next `"name" : "text"` at or after `from`.
Found find_member(std::string_view body, std::string_view name, std::size_t from) {
    auto at = find_value(body, name, from);
    while (at != std::string_view::npos && body[at] != '"') at = find_value(body, name, at);
    if (at == std::string_view::npos) return {};
    Found found{at + 1, at + 1, false};
    while (found.end < body.size() && body[found.end] != '"')
        found.end += body[found.end] == '\\' ? 2 : 1;
    found.complete = found.end < body.size();
    found.end = std::min(found.end, body.size());
    return found;
}

/// The next `"name" : [ … ]` at or after `from`: where its elements lie. A token holds no bracket.
Found find_array(std::string_view body, std::string_view name, std::size_t from) {
    auto at = find_value(body, name, from);
    while (at != std::string_view::npos && body[at] != '[') at = find_value(body, name, at);
    if (at == std::string_view::npos) return {};
    const auto end = std::min(body.find(']', at), body.size());
    return {at + 1, end, end < body.size()};
}

using Find = Found (*)(std::string_view, std::string_view, std::size_t);

std::string masked(std::string_view body, Find find, std::string_view name) {
    std::string out;
    std::size_t copied = 0;
    for (std::size_t from = 0;;) {
        const auto found = find(body, name, from);
        if (found.begin == std::string_view::npos) break;
        out += body.substr(copied, found.begin - copied);
        out += "***";
        copied = from = found.end;
    }
    out += body.substr(copied);
    return out;
}

}  // namespace

FirstItem find_first_item(std::string_view body) {
    body = body.substr(0, kRefusedSampleBytes);
    FirstItem first;
    if (const auto id = find_member(body, "subscriptionId", 0); id.complete)
        first.subscription_id = body.substr(id.begin, id.end - id.begin);
    if (const auto state = find_member(body, "clientState", 0); state.complete)
        first.state_hash = sha256(body.substr(state.begin, state.end - state.begin));
    return first;
}

std::string masked_sample(std::string_view body) {
    body = body.substr(0, kRefusedSampleBytes);
    // Tokens first: their mask is found however broken the rest is.
    auto sample = masked(body, find_array, "validationTokens");
    sample = masked(sample, find_member, "validationTokens");
    return masked(sample, find_member, "clientState");
}

}  // namespace graphhook::receiver
