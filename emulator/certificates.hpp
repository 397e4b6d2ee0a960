#pragma once

#include "core/error.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace graphhook::emulator {

struct PemPair {
    std::string certificate;
    std::string key;
};

/// A throwaway authority (P-256), valid for a year.
[[nodiscard]] Result<PemPair> make_authority();
/// A server's certificate (P-256, valid for 90 days) for the names and IPv4/IPv6 addresses, signed
/// by the authority.
[[nodiscard]] Result<PemPair> make_server_certificate(
    const PemPair& authority, const std::vector<std::string>& hosts
);
/// Whether the certificate is valid now and for a week more, belongs to the key, and was signed by
/// the authority (an authority is signed by itself).
[[nodiscard]] bool still_good(
    const PemPair& pair, const std::string& authority_certificate,
    const std::vector<std::string>& hosts
);

/// The authority kept in `directory` as ca.pem and ca.key; made there if it is missing or runs out.
/// Errc::Failed with the reason.
[[nodiscard]] Result<PemPair> authority_in(const std::filesystem::path& directory);
/// A receiver's pair, kept in `directory` as receiver.crt and receiver.key; made if it is missing,
/// runs out, or is for other hosts.
[[nodiscard]] Result<void> receiver_certificate_in(
    const std::filesystem::path& directory, const PemPair& authority,
    const std::vector<std::string>& hosts
);

/// Where certificates are kept unless told otherwise: $XDG_DATA_HOME or ~/.local/share, then
/// graph-emulator; empty without a home.
std::filesystem::path default_certificates_directory();

}  // namespace graphhook::emulator
