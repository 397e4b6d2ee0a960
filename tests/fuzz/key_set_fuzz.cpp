// A key set, as an authority sends it and as we keep it. What holds for every input: what is read
// has usable keys, and comes back from its text as it was.
#include "authenticity/key_set.hpp"
#include "core/strict_json.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace graphhook;
    using namespace graphhook::authenticity;
    constexpr SystemTime kNow{std::chrono::seconds(1'795'248'000)};
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto check = [](const KeySet& set) {
        if (set.keys.empty()) std::abort();
        for (const SigningKey& key : set.keys) {
            if (key.kid.empty() || !key.key || EVP_PKEY_get_bits(key.key.get()) < 2048)
                std::abort();
        }
        const auto kept = to_text(set);
        const auto again = key_set_from_text(kept);
        if (!again || to_text(*again) != kept) std::abort();
    };
    const auto set = parse_key_set(text, "https://login.example.com", Version::V2, "i", kNow);
    if (set) {
        check(*set);
        check(merged(*set, *set));
    }
    if (const auto kept = key_set_from_text(text)) check(*kept);
    static_cast<void>(members_twice(text));
    return 0;
}
