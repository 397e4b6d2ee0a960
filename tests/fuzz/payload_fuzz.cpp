// The body of a POST. What holds for every input: Boost.JSON's own parser agrees on what is JSON;
// an item that was taken is JSON again, without a client state; judging it does not fail.
#include "core/text.hpp"
#include "receiver/judge.hpp"
#include "receiver/payload.hpp"
#include "receiver/refused_body.hpp"

#include <boost/json/parse.hpp>

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
    for (PayloadItem& item : parser.items()) {
        if (!item.is_object) continue;
        boost::json::value again;
        require(!check(item.body, again).failed());
        for (const auto& member : again.as_object())
            require(!same_letters({member.key().data(), member.key().size()}, "clientState"));
        (void)look_up(item, nothing, {});
        (void)ends_earlier(item, known);
        (void)make_item(item, known);
    }
    return 0;
}
