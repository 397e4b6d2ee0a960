#pragma once

#include "core/error.hpp"
#include "emulator/identity/signing_key.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace graphhook::emulator {

/// The keys of the identity platform: which are in the key sets (protocol 7.9), and which one signs
/// validation tokens. It starts with the key of the access tokens, for both. One thread.
class KeyRing {
  public:
    /// `first` must outlive it.
    explicit KeyRing(const SigningKey& first);

    /// What validation tokens are signed with.
    [[nodiscard]] const SigningKey& signing() const noexcept { return *signing_; }
    /// Another one with each change of the signing key.
    [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
    /// The members of `keys`. `issuer` has {tenantid} where the tenant belongs.
    [[nodiscard]] boost::json::array key_set(std::string_view issuer) const;

    /// "publish": a new key is in the key sets and does not sign yet; the next "rotate" takes
    /// it. "rotate": a new key is in the key sets and signs. "hide": a new key signs and is in
    /// no key set. "reveal": all keys are in the key sets. "retire": only the signing key is.
    /// Errc::BadInput for any other word; Errc::Full with too many keys.
    [[nodiscard]] Result<void> act(std::string_view action);
    /// As at the start.
    void reset();
    /// {"keys":[{"kid":…,"published":true,"signing":true}]}
    [[nodiscard]] boost::json::object to_json() const;

  private:
    struct Entry {
        const SigningKey* key;
        bool published;
    };
    [[nodiscard]] Result<const SigningKey*> add(bool published);

    const SigningKey& first_;
    std::vector<std::unique_ptr<SigningKey>> made_;
    std::vector<Entry> keys_;
    const SigningKey* signing_;
    std::uint64_t version_ = 1;
};

}  // namespace graphhook::emulator
