#pragma once

#include <chrono>
#include <filesystem>
#include <string>

namespace graphhook::test {

/// A certificate and its key, made on the spot: P-256, self-signed, good for an hour.
struct CertificateText {
    std::string certificate;  ///< PEM
    std::string private_key;  ///< PEM
};

/// For localhost, 127.0.0.1 and ::1. `valid_for` negative: already expired. Throws if OpenSSL
/// fails.
CertificateText make_certificate(
    const std::string& name = "localhost", std::chrono::seconds valid_for = std::chrono::hours(1)
);

/// The same as files "<stem>.crt" and "<stem>.key" in `directory`, replaced as a whole if there.
struct CertificateFiles {
    std::filesystem::path certificate;
    std::filesystem::path private_key;
};
CertificateFiles write_certificate(
    const std::filesystem::path& directory, const CertificateText& text,
    const std::string& stem = "server"
);

}  // namespace graphhook::test
