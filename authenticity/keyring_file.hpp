#pragma once

#include "authenticity/keyring.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::authenticity {

/// What a file's name ends in when its key is out of use.
inline constexpr std::string_view kRetired = ".retired";
/// As Graph allows for encryptionCertificateId.
inline constexpr std::size_t kMostIdCharacters = 128;

/// The files that bear one id, by name, sorted.
struct FilesOfId {
    std::vector<std::string> both;          ///< .pem, .p12, .pfx: certificate and key in one.
    std::vector<std::string> certificates;  ///< .crt, .cer
    std::vector<std::string> keys;          ///< .key

    [[nodiscard]] std::vector<std::string> all() const;
};
enum class Which : std::uint8_t { InUse, Retired };
/// What may be a key in a folder, by id; dotfiles and other endings are left out. Errc::NotFound,
/// Failed.
[[nodiscard]] Result<std::map<std::string, FilesOfId>> files_by_id(
    const std::string& folder, Which which
);

/// Where one key lies. `key` is empty if `certificate` holds both.
struct KeyFiles {
    std::string id, certificate, key;
};
enum class Modes : std::uint8_t {
    Strict,  ///< What holds a private key must not be open to group or others.
    Any,
};
enum class Half : std::uint8_t {
    Both,
    Certificate,  ///< EncryptionKey::key stays empty.
};
/// Reads and checks one key. Errc::NotFound, BadInput; the detail names the file and no secret.
[[nodiscard]] Result<EncryptionKeyPtr> load_key(
    const KeyFiles& files, const Secret& passphrase, Modes modes, Half half
);

/// Errc::NotFound: no such folder; BadInput: others may look into it.
[[nodiscard]] Result<void> check_folder(const std::string& folder);

}  // namespace graphhook::authenticity
