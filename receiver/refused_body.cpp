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

/// The next `"name" : "text"` at or after `from`, the name in any case of letters.
Found find_member(std::string_view body, std::string_view name, std::size_t from) {
    for (auto at = body.find('"', from); at != std::string_view::npos;
         at = body.find('"', at + 1)) {
        if (!same_letters(body.substr(at + 1, name.size()), name)) continue;
        auto next = at + 1 + name.size();
        if (next >= body.size() || body[next] != '"') continue;
        next = body.find_first_not_of(kSpace, next + 1);
        if (next == std::string_view::npos || body[next] != ':') continue;
        next = body.find_first_not_of(kSpace, next + 1);
        if (next == std::string_view::npos || body[next] != '"') continue;
        Found found{next + 1, next + 1, false};
        while (found.end < body.size() && body[found.end] != '"')
            found.end += body[found.end] == '\\' ? 2 : 1;
        found.complete = found.end < body.size();
        found.end = std::min(found.end, body.size());
        return found;
    }
    return {};
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
    std::string out;
    std::size_t copied = 0;
    for (std::size_t from = 0;;) {
        const auto state = find_member(body, "clientState", from);
        if (state.begin == std::string_view::npos) break;
        out += body.substr(copied, state.begin - copied);
        out += "***";
        copied = from = state.end;
    }
    out += body.substr(copied);
    return out;
}

}  // namespace graphhook::receiver
