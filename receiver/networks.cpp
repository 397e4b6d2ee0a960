#include "receiver/networks.hpp"

#include "core/text.hpp"

#include <fmt/format.h>

#include <charconv>

namespace graphhook::receiver {
namespace {

namespace ip = boost::asio::ip;

/// Everything as IPv6, so that one comparison serves both.
ip::address_v6::bytes_type bits_of(const ip::address& address) {
    if (address.is_v6()) return address.to_v6().to_bytes();
    return ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
}

bool same_prefix(
    const ip::address_v6::bytes_type& a, const ip::address_v6::bytes_type& b, unsigned length
) {
    const unsigned whole = length / 8;
    if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
    const unsigned rest = length % 8;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

}  // namespace

Result<Networks> Networks::parse(const std::vector<std::string>& texts) {
    Networks networks;
    for (const std::string& text : texts) {
        const auto refuse = [&text] {
            return fail(
                Errc::BadInput, fmt::format("'{}' is not a network such as 10.0.0.0/8", text)
            );
        };
        const auto slash = text.find('/');
        boost::system::error_code ec;
        const auto address = ip::make_address(text.substr(0, slash), ec);
        if (ec) return refuse();
        const unsigned most = address.is_v4() ? 32 : 128;
        unsigned length = most;
        if (slash != std::string::npos) {
            const char* const end = text.data() + text.size();
            const auto [rest, error] = std::from_chars(text.data() + slash + 1, end, length);
            if (error != std::errc{} || rest != end || length > most) return refuse();
        }
        networks.networks_.push_back({bits_of(address), length + (address.is_v4() ? 96 : 0)});
    }
    return networks;
}

bool Networks::contains(const ip::address& address) const {
    const auto bits = bits_of(address);
    for (const Network& network : networks_) {
        if (same_prefix(bits, network.bits, network.length)) return true;
    }
    return false;
}

std::optional<ip::address> forwarded_client(std::string_view header, const Networks& trusted) {
    while (!header.empty()) {
        const auto comma = header.rfind(',');
        auto name = trimmed(comma == std::string_view::npos ? header : header.substr(comma + 1));
        header = comma == std::string_view::npos ? std::string_view() : header.substr(0, comma);
        if (name.starts_with('[')) {  // [v6]:port
            name = name.substr(1, name.find(']') - 1);
        } else if (name.find(':') == name.rfind(':')) {  // v4:port
            name = name.substr(0, name.find(':'));
        }
        boost::system::error_code ec;
        auto address = ip::make_address(name, ec);
        if (ec) return std::nullopt;  // whoever wrote this, nothing to its left can be believed
        if (!trusted.contains(address)) return address;
    }
    return std::nullopt;
}

}  // namespace graphhook::receiver
