#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::receiver {

struct TlsOptions {
    std::string certificate;  ///< PEM, leaf first, whole chain. Taken up when the file changes.
    std::string private_key;  ///< PEM.
    std::string min_version = "1.2";
};

/// The most that strangers may take. Every one is a key below `receiver.limits`.
struct Limits {
    std::uint64_t header_bytes = 16u << 10;
    std::uint64_t body_bytes = 4u << 20;
    std::uint64_t items = 2'000;
    std::uint32_t json_depth = 32;
    std::uint64_t bodies_in_flight_bytes = 64u << 20;  ///< Over all connections; beyond: 503.
    std::uint64_t offload_bytes = 64u << 10;  ///< Larger bodies are parsed off the network threads.
    std::uint64_t connections = 10'000;       ///< Beyond: closed at once, counted.
    std::chrono::milliseconds idle{60'000};
    std::chrono::milliseconds handshake_timeout{10'000};  ///< TLS.
    std::chrono::milliseconds header_timeout{10'000
    };  ///< From a request's first byte to the end of its header.
    std::chrono::milliseconds body_timeout{10'000};
    std::chrono::milliseconds write_timeout{10'000};
};

/// `receiver:` in the configuration. `tls` files, `limits` and `trusted_proxies` reload; the rest
/// needs a restart.
struct ReceiverOptions {
    std::string listen = "0.0.0.0:8443";  ///< address:port, [v6]:port or unix:/path
    std::string public_url;               ///< What Graph calls, without /notifications.
    std::string base_path;                ///< What reaches us; default: the path of public_url.
    std::optional<TlsOptions> tls;        ///< May be absent on loopback and unix.
    bool proxy_protocol = false;
    std::vector<std::string> trusted_proxies;  ///< CIDR
    std::chrono::milliseconds drain_delay{10'000};
    std::uint32_t threads = 0;  ///< 0: one for each processor we may use.
    Limits limits;
    /// Not a key: configured tenant name -> tenant id, filled from `tenants:`. An item that names
    /// another tenant than its subscription's is refused; a tenant that is missing here, or given
    /// as a domain, is not compared. Reloads.
    std::map<std::string, std::string> tenant_ids;
};

/// `admin:` in the configuration. Needs a restart, but for the token file's content.
struct AdminOptions {
    std::string listen = "127.0.0.1:9464";             ///< Empty: no TCP listener.
    std::string socket = "/run/graphhook/admin.sock";  ///< Empty: none.
    /// Lines "read:<token>" and "repair:<token>"; without the file nothing below /api is served
    /// over TCP.
    std::string tokens_file;
    std::optional<TlsOptions> tls;  ///< Required off loopback.
    /// Further names that a Host header may carry over TCP, beside the loopback names and `listen`.
    std::vector<std::string> hosts;
};

}  // namespace graphhook::receiver
