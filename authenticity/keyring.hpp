#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/openssl.hpp"
#include "core/secret.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::authenticity {

/// A certificate that Graph encrypts resource data with, and its private key. Immutable. Threads:
/// any; decryption uses copies of the key, one a thread.
struct EncryptionKey {
    std::string id;          ///< encryptionCertificateId: the file's name without its ending; at
                             ///< most 128 characters.
    std::string thumbprint;  ///< SHA-1 of the DER form, upper-case hex.
    std::string der;         ///< The certificate.
    std::shared_ptr<EVP_PKEY> key;
    int bits = 0;  ///< 2048 to 4096.
    SystemTime not_before, not_after;
    std::string file;
    bool retired = false;  ///< Kept on disk, no longer used: its file ends in ".retired".
};
using EncryptionKeyPtr = std::shared_ptr<const EncryptionKey>;

/// All keys of a folder. Immutable; a new one is read when the folder changes. Threads: any.
class Keyring {
  public:
    Keyring() = default;
    explicit Keyring(std::vector<EncryptionKeyPtr> keys) : keys_(std::move(keys)) {}

    /// By id, and by thumbprint (any case of letters) if the id is unknown or, as after a file was
    /// replaced under its name, that of another certificate of ours. nullptr: neither.
    [[nodiscard]] EncryptionKeyPtr find(std::string_view id, std::string_view thumbprint) const;
    /// What new subscriptions use: of those valid at `now` the one whose life began last (by id
    /// among equals). nullptr: none is valid.
    [[nodiscard]] EncryptionKeyPtr current(SystemTime now) const;
    [[nodiscard]] const std::vector<EncryptionKeyPtr>& keys() const noexcept { return keys_; }

  private:
    std::vector<EncryptionKeyPtr> keys_;
};

/// Reads a folder: ID.pem (certificate and key), ID.crt or ID.cer beside ID.key (PEM or DER each),
/// ID.p12 or ID.pfx (with `passphrase`). Retired ones are not among them. What cannot be read is in
/// `problems` (file and reason, no secret) and does not cost the others. Errc::NotFound: no such
/// folder; Errc::BadInput: it is readable by others.
struct ReadKeyring {
    Keyring keyring;
    std::vector<std::string> problems;
};
[[nodiscard]] Result<ReadKeyring> read_keyring(const std::string& folder, const Secret& passphrase);
/// The retired ones (ID.pem.retired, …), to show them: their certificates only, `key` is empty. As
/// read_keyring otherwise.
[[nodiscard]] Result<ReadKeyring> read_retired_keys(
    const std::string& folder, const Secret& passphrase
);
/// What differs when any key in the folder, or who may read it, changed. "-": no such folder.
[[nodiscard]] std::string keyring_state(const std::string& folder);

/// One key from a file of any of these forms, for looking at things offline; id from its name. Also
/// a retired one; who else may read the file does not matter here. Errc::NotFound, BadInput.
[[nodiscard]] Result<EncryptionKeyPtr> read_key(const std::string& file, const Secret& passphrase);

/// Makes a self-issued RSA certificate and writes ID.pem (0600, complete or not at all, synced)
/// into the folder (made if missing, 0700; not the folders above it). Made by root, it belongs to
/// whom the folder belongs to.
///
/// It is valid from `now`, rounded down to the second, which is all that X.509 can say: not from a
/// little earlier, so that of two keys the later made is the current one, and not later, so that it
/// is current at once. Two of one second go by their ids. The CN is the id, cut at 64 characters.
///
/// Errc::Conflict: that id is there, be it retired; Errc::BadInput: bits not 2048, 3072 or 4096,
/// a life under a day or over a hundred years, an id that is not 1 to 128 of A-Z a-z 0-9 . _ - or
/// begins with a dot, or a folder that is open to others; Errc::NotFound: no folder above it;
/// Errc::Failed.
struct NewKey {
    std::string id;
    int bits = 2048;
    std::chrono::days life{365};
};
[[nodiscard]] Result<EncryptionKeyPtr> create_key(
    const std::string& folder, const NewKey& wanted, SystemTime now
);
/// Takes it out of use: ID.pem becomes ID.pem.retired, or both files of a pair do. Errc::NotFound;
/// Errc::Conflict: another of that name was retired already; Errc::Failed.
[[nodiscard]] Result<void> retire_key(const EncryptionKey& key);

}  // namespace graphhook::authenticity
