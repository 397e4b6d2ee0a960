#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "receiver/options.hpp"

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace graphhook::receiver {

/// What TLS needs of its surroundings: told on each try to take up files.
struct TlsReport {
    bool taken = false;     ///< A new pair is in use.
    std::string error;      ///< Why not.
    SystemTime expires_at;  ///< Of the leaf in use.
};

/// Certificate, key and settings of a TLS listener.
///
/// TLS 1.2 and 1.3 (or 1.3 only), ECDHE with AEAD ciphers, no renegotiation, no compression;
/// sessions are resumed by tickets, whose keys live as long as the pair does. Connections keep what
/// they began with. Threads: any.
class TlsContext {
  public:
    /// Errc::BadInput names the file and what is wrong with it.
    [[nodiscard]] static Result<std::shared_ptr<TlsContext>> open(const TlsOptions& options);

    /// For a new connection: holds the context that is current now.
    [[nodiscard]] std::shared_ptr<SSL_CTX> current() const;
    [[nodiscard]] SystemTime expires_at() const;

    /// Reads the files now and swaps them in if they are a pair; otherwise the old ones stay.
    [[nodiscard]] Result<void> reload();
    /// The same with other files.
    [[nodiscard]] Result<void> reload(const TlsOptions& options);
    /// To be called every few seconds: reloads once the files differ from those in use (or from
    /// those that failed) and have not changed since the last call, as certificate and key change
    /// one after the other. True: a reload was tried, `report` says how it went.
    [[nodiscard]] bool poll(TlsReport& report);

  private:
    struct Stamp {
        std::int64_t certificate_time = 0, key_time = 0;
        std::uint64_t certificate_file = 0, key_file = 0;
        std::int64_t certificate_size = 0, key_size = 0;
        bool operator==(const Stamp&) const = default;
    };
    TlsContext() = default;
    static Stamp stamp_of(const TlsOptions& options);
    Result<void> load(const TlsOptions& options);

    mutable std::mutex mutex_;
    TlsOptions options_;
    std::shared_ptr<SSL_CTX> current_;
    SystemTime expires_at_;
    Stamp tried_;   ///< Of the files that were read last, well or not.
    Stamp polled_;  ///< What the last poll saw.
};

}  // namespace graphhook::receiver
