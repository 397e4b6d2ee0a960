// The tokens of a POST, and of a user. What holds for every input: there is a verdict, none of it
// says genuine (the keys here are nobody's), and that of a POST survives being written.
#include "authenticity/jws.hpp"
#include "authenticity/token.hpp"
#include "authenticity/user_token.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace graphhook;
using namespace graphhook::authenticity;

constexpr SystemTime kNow{std::chrono::seconds(1'795'248'000)};

/// A modulus that nobody knows the factors of.
const KeySets& keys() {
    static const KeySets sets = [] {
        std::string n(342, 'A');
        n.front() = '_';
        n.back() = 'Q';
        const std::string text =
            R"({"keys":[{"kty":"RSA","use":"sig","kid":"k","e":"AQAB","n":")" + n + R"("}]})";
        KeySets made;
        for (const Version version : {Version::V1, Version::V2}) {
            auto set = parse_key_set(text, "https://login.microsoftonline.com", version, "", kNow);
            if (!set) std::abort();
            made.sets.push_back(std::move(*set));
        }
        return made;
    }();
    return sets;
}

const Expected kOurs[] = {
    {.tenant_id = "84bd8158-6d4d-4958-8b9f-9d6445542f95",
     .client_id = "8e460676-ae3f-4b1e-8790-ee0fb5d6148f",
     .login = "https://login.microsoftonline.com"}
};

void judge(std::string_view tokens) {
    const auto verdicts = judge_tokens(tokens, keys(), kOurs, kNow);
    if (verdicts.empty()) std::abort();
    for (const TokenVerdict& verdict : verdicts) {
        if (verdict.reason == Reason::None || !verdict.login.empty()) std::abort();
    }
    if (judge_item(verdicts, kOurs[0], kNow, false) == Reason::None) std::abort();
    const auto again = verdicts_from_text(to_text(verdicts));
    if (!again || *again != verdicts) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    judge(text);
    // The same as one token, where it can be one.
    const Jws jws = read_jws(text);
    if (jws.reason == Reason::None && (jws.kid.empty() || jws.claims.tenant_id.size() != 36))
        std::abort();
    const UserTokenVerdict user = judge_user_token(text, keys(), kOurs, kNow);
    if (user.reason == Reason::None || (jws.user && jws.user->user_id.size() != 36)) std::abort();
    if (text.find_first_of("\"\\") == std::string_view::npos)
        judge("[\"" + std::string(text) + "\"]");
    return 0;
}
