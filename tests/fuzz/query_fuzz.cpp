// The query string of a handshake, and the spelling of resources. What holds for every input:
// nothing is echoed that could be more than a line of text; a spelling made one stays as it is.
#include "core/text.hpp"
#include "receiver/query.hpp"
#include "store/resource.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace graphhook;
    using namespace graphhook::receiver;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto found = find_handshake(text);
    if (found.is == Handshake::Is::Valid) {
        const bool plain = std::none_of(found.token.begin(), found.token.end(), [](char c) {
            return (c >= 0 && c < ' ') || c == '<' || c == '>' || c == 0x7f;
        });
        if (!plain || found.token.empty() || found.token.size() > 2'048 || !is_utf8(found.token))
            std::abort();
    }
    const auto normalised = store::normalise_resource(text);
    if (normalised.size() > 3 * text.size()) std::abort();
    if (std::any_of(normalised.begin(), normalised.end(), [](char c) {
            return c >= 'A' && c <= 'Z';
        }))
        std::abort();
    return 0;
}
