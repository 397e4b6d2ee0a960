#include "emulator/identity/key_ring.hpp"

namespace graphhook::emulator {
namespace {

constexpr std::size_t kMostKeys = 100;

}  // namespace

KeyRing::KeyRing(const SigningKey& first)
    : first_(first), keys_{Entry{&first, true}}, signing_(&first) {
}

Result<const SigningKey*> KeyRing::add(bool published) {
    if (made_.size() >= kMostKeys) return fail(Errc::Full, "there are too many keys; reset");
    auto key = SigningKey::make();
    if (!key) return key.error();
    made_.push_back(std::make_unique<SigningKey>(std::move(*key)));
    keys_.push_back(Entry{made_.back().get(), published});
    return made_.back().get();
}

Result<void> KeyRing::act(std::string_view action) {
    if (action == "reveal" || action == "retire") {
        for (Entry& entry : keys_) entry.published = action == "reveal" || entry.key == signing_;
        return {};
    }
    if (action == "publish") {
        const auto added = add(true);
        if (!added) return added.error();
        return {};
    }
    if (action != "rotate" && action != "hide")
        return fail(Errc::BadInput, "the action must be publish, rotate, hide, reveal or retire");
    // The newest one that was published ahead of time and has not signed yet.
    const SigningKey* next = keys_.back().key != signing_ && keys_.back().published &&
                                     action == "rotate" && keys_.back().key != &first_
                                 ? keys_.back().key
                                 : nullptr;
    if (next == nullptr) {
        const auto added = add(action == "rotate");
        if (!added) return added.error();
        next = *added;
    }
    signing_ = next;
    ++version_;
    return {};
}

void KeyRing::reset() {
    keys_ = {Entry{&first_, true}};
    signing_ = &first_;
    made_.clear();
    ++version_;
}

boost::json::array KeyRing::key_set(std::string_view issuer) const {
    boost::json::array keys;
    for (const Entry& entry : keys_) {
        if (entry.published) keys.push_back(entry.key->to_jwk(issuer));
    }
    return keys;
}

boost::json::object KeyRing::to_json() const {
    boost::json::array keys;
    for (const Entry& entry : keys_) {
        keys.push_back(boost::json::object{
            {"kid", entry.key->id()},
            {"published", entry.published},
            {"signing", entry.key == signing_},
        });
    }
    return {{"keys", std::move(keys)}};
}

}  // namespace graphhook::emulator
