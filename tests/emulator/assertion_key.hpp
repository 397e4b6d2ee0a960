#pragma once

#include "core/clock.hpp"

#include <boost/json/object.hpp>

#include <memory>
#include <string>

struct evp_pkey_st;

namespace graphhook::emulator::test {

/// What an app signs its assertions with: an RSA key and a certificate around it.
class AssertionKey {
  public:
    AssertionKey(SystemTime not_before, SystemTime not_after);

    [[nodiscard]] const std::string& certificate() const { return certificate_; }
    [[nodiscard]] const std::string& x5t() const { return x5t_; }
    [[nodiscard]] const std::string& x5t_s256() const { return x5t_s256_; }
    /// A JWT with this header and these claims; signed as `alg` says: PS256, or else RS256.
    [[nodiscard]] std::string sign(
        const boost::json::object& header, const boost::json::object& claims
    ) const;

  private:
    std::shared_ptr<evp_pkey_st> key_;
    std::string certificate_;  // PEM
    std::string x5t_;
    std::string x5t_s256_;
};

}  // namespace graphhook::emulator::test
