// The body of a POST. What holds for every input: Boost.JSON's own parser agrees on what is JSON;
// an item that was taken is JSON again, without a client state; judging it does not fail; the
// tokens are those of the envelope, and only rich items carry them.
#include "core/text.hpp"
#include "receiver/judge.hpp"
#include "receiver/payload.hpp"
#include "receiver/refused_body.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace {

using namespace graphhook;
using namespace graphhook::receiver;

void require(bool condition) {
    if (!condition) std::abort();
}

boost::system::error_code check(std::string_view text, boost::json::value& value) {
    boost::json::parse_options options;
    options.max_depth = 32;
    boost::system::error_code ec;
    value = boost::json::parse({text.data(), text.size()}, ec, {}, options);
    return ec;
}

/// A member of that name that is not null. Of several that are the same to the letter Boost.JSON
/// keeps the last, so it may miss one.
bool has(const boost::json::object& object, std::string_view name) {
    return std::any_of(object.begin(), object.end(), [name](const auto& member) {
        return same_letters({member.key().data(), member.key().size()}, name) &&
               !member.value().is_null();
    });
}

void check_tokens(std::string_view text, const boost::json::object& whole) {
    if (text == kTokensTwice) return;
    std::size_t named = 0;
    for (const auto& member : whole) {
        if (!same_letters({member.key().data(), member.key().size()}, "validationTokens")) continue;
        ++named;
        boost::json::value read;
        require(!check(text, read).failed());
        require(read == member.value());
    }
    require(named == (text.empty() ? 0U : 1U));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static PayloadParser parser(100, 32);
    static const store::KnownSubscriptions nothing{{}};
    static const store::Known known = [] {
        store::Known made;
        made.family = store::KnownFamilies().of("t", "n", "k", store::Sync::Versions);
        return made;
    }();
    std::string_view body(reinterpret_cast<const char*>(data), size);
    (void)find_first_item(body);
    (void)masked_sample(body);
    const auto fault = parser.parse(body);
    if (body.starts_with("\xef\xbb\xbf")) body.remove_prefix(3);
    boost::json::value whole;
    const auto ec = check(body, whole);
    if (fault == PayloadFault::NotJson) require(ec.failed());
    if (fault == PayloadFault::None) require(!ec.failed());
    if (fault != PayloadFault::None) return 0;
    const auto text = parser.take_tokens();
    check_tokens(text, whole.as_object());
    PostTokens tokens{std::string(text)};
    for (PayloadItem& item : parser.items()) {
        if (!item.is_object) continue;
        boost::json::value again;
        require(!check(item.body, again).failed());
        for (const auto& member : again.as_object())
            require(!same_letters({member.key().data(), member.key().size()}, "clientState"));
        (void)look_up(item, nothing, {});
        (void)ends_earlier(item, known);
        const bool rich = item.rich;
        require(rich || !has(again.as_object(), "encryptedContent"));
        const auto made = make_item(item, known, tokens);
        require((made.tokens != nullptr) == rich);
        require(!rich || (*made.tokens == text && !made.fold && !made.version));
    }
    return 0;
}
