// What client apps hand in: the form, the path's last segment, the Authorization header. What holds
// for every input: a form without a problem keeps every rule; a problem is a line of constants that
// needs no escaping in JSON; what goes into a header is a quoted-string.
#include "receiver/unsid_endpoint.hpp"
#include "receiver/unsid_form.hpp"
#include "store/unsid.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace {

bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace graphhook;
    using namespace graphhook::receiver;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const SystemTime now(std::chrono::seconds(1'796'000'000));
    const auto read = read_unsid_form(text, now);
    if (read.problem) {
        if (!is_plain(read.problem->field) || !is_plain(read.problem->message)) std::abort();
    } else if (!store::is_unsid(read.form.unsid) || read.form.platform.empty() ||
               read.form.expires_at <= now || read.form.expires_at > now + kMostUnsidLife) {
        std::abort();
    }
    if (const auto unsid = unsid_of_segment(text); unsid && !store::is_unsid(*unsid)) std::abort();
    if (const auto token = bearer_of(text); token && (token->empty() || !is_plain(*token)))
        std::abort();
    if (!is_plain(quotable(text))) std::abort();
    return 0;
}
