// Bytes where an HTTP request should be. What holds for every input: it means the same whether it
// comes at once or byte by byte, so that no boundary of a packet decides what a request is.
#include "receiver/request.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace graphhook::receiver;
using Step = RequestParser::Step;

struct Outcome {
    Step step = Step::More;
    std::size_t used = 0;
    std::string path, body;
    bool operator==(const Outcome&) const = default;
};

/// Gives the parser `piece` more bytes at a time, as a session does.
Outcome read(std::string_view bytes, std::size_t piece) {
    static RequestParser parser;
    parser.start(4'096);
    Outcome out;
    bool in_body = false;
    std::string carry;
    for (std::size_t have = 0; have < bytes.size();) {
        const auto more = bytes.substr(have, piece);
        have += more.size();
        if (in_body) parser.keep_head();
        carry += more;
        for (;;) {
            const auto fed = in_body ? parser.feed_body(carry) : parser.feed_head(carry);
            out.step = fed.step;
            if (fed.step == Step::Bad) return {Step::Bad, 0, {}, {}};
            if (fed.step == Step::More) {
                if (in_body) {
                    out.used += fed.used;
                    if (fed.used != 0) parser.keep_head();
                    carry.erase(0, fed.used);
                    if (fed.used != 0 && !carry.empty()) continue;
                }
                break;
            }
            out.used += fed.used;
            if (in_body) {
                out.body = parser.body();
                return out;
            }
            out.path = parser.head().path();
            parser.keep_head();
            carry.erase(0, fed.used);
            if (!parser.head().has_body()) return out;
            in_body = true;
            out.step = Step::More;
            if (carry.empty()) break;
        }
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto whole = read(bytes, bytes.size() + 1);
    const auto single = read(bytes, 1);
    // What a head that is too large is first seen by depends on how much of it there is.
    if (whole.step == Step::Done && single.step == Step::Done && whole != single) std::abort();
    if (whole.step == Step::Done && single.step != Step::Done) std::abort();
    return 0;
}
