#pragma once

#include <boost/asio/ip/address.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace graphhook::receiver {

/// What the bytes at a connection's beginning are, read as a PROXY protocol header (HAProxy's,
/// version 1 or 2).
struct ProxyHeader {
    enum class Is : std::uint8_t {
        Partial,  ///< So far well: `size` more bytes, at least, belong to it.
        Whole,    ///< `size` bytes in all.
        Bad,
    } is = Is::Partial;
    std::size_t size = 0;
    /// The client; nullopt where the proxy speaks for itself (LOCAL, UNKNOWN) or of no IP address.
    std::optional<boost::asio::ip::address> source;
};

/// Version 2 headers that say more of themselves than this are refused.
inline constexpr std::size_t kMostProxyHeaderBytes = 1'024;

[[nodiscard]] ProxyHeader read_proxy_header(std::string_view bytes);

}  // namespace graphhook::receiver
