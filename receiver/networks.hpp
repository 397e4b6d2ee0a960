#pragma once

#include "core/error.hpp"

#include <boost/asio/ip/address.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::receiver {

/// A set of networks in CIDR form, such as "10.0.0.0/8", "fd00::/8" or a single address.
class Networks {
  public:
    Networks() = default;
    /// Errc::BadInput names the first text that is not a network.
    [[nodiscard]] static Result<Networks> parse(const std::vector<std::string>& texts);
    /// IPv4 addresses mapped into IPv6 count as IPv4.
    [[nodiscard]] bool contains(const boost::asio::ip::address& address) const;
    [[nodiscard]] bool empty() const noexcept { return networks_.empty(); }

  private:
    struct Network {
        boost::asio::ip::address_v6::bytes_type bits;
        unsigned length;
    };
    std::vector<Network> networks_;
};

/// Whom an X-Forwarded-For header names as the client: its last address that is not one of the
/// trusted proxies. nullopt if it names none.
[[nodiscard]] std::optional<boost::asio::ip::address> forwarded_client(
    std::string_view header, const Networks& trusted
);

}  // namespace graphhook::receiver
