#include "authenticity/keyring.hpp"

#include "authenticity/keyring_file.hpp"
#include "core/digest.hpp"
#include "core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <tuple>
#include <utility>

namespace graphhook::authenticity {
namespace {

std::string in_folder(const std::string& folder, const std::string& name) {
    return name.empty() ? name : (std::filesystem::path(folder) / name).string();
}

/// Which files make up the key of an id, or why that cannot be said.
Result<KeyFiles> files_of(const std::string& folder, const std::string& id, const FilesOfId& of) {
    KeyFiles files{id, {}, {}};
    if (of.all().size() > 2 || of.both.size() > 1 || of.certificates.size() > 1 ||
        of.keys.size() > 1 || (!of.both.empty() && of.all().size() > 1)) {
        return fail(
            Errc::BadInput, fmt::format(
                                "{}: several files of the id {}, none of which is used: {}", folder,
                                id, fmt::join(of.all(), ", ")
                            )
        );
    }
    if (!of.both.empty()) {
        files.certificate = in_folder(folder, of.both.front());
        return files;
    }
    if (of.certificates.empty())
        return fail(
            Errc::BadInput, in_folder(folder, of.keys.front()) + ": no certificate beside it"
        );
    files.certificate = in_folder(folder, of.certificates.front());
    if (of.keys.empty()) return fail(Errc::BadInput, files.certificate + ": no key beside it");
    files.key = in_folder(folder, of.keys.front());
    return files;
}

Result<ReadKeyring> read(
    const std::string& folder, const Secret& passphrase, Which which, Modes modes, Half half
) {
    if (auto fit = check_folder(folder); !fit) return fit.error();
    const auto found = files_by_id(folder, which);
    if (!found) return found.error();
    ReadKeyring result;
    std::vector<EncryptionKeyPtr> keys;
    for (const auto& [id, of] : *found) {
        const auto files = files_of(folder, id, of);
        auto key = files ? load_key(*files, passphrase, modes, half)
                         : Result<EncryptionKeyPtr>(files.error());
        if (key)
            keys.push_back(std::move(*key));
        else
            result.problems.push_back(key.error().detail);
    }
    result.keyring = Keyring(std::move(keys));
    return result;
}

}  // namespace

EncryptionKeyPtr Keyring::find(std::string_view id, std::string_view thumbprint) const {
    EncryptionKeyPtr by_id;
    EncryptionKeyPtr by_thumbprint;
    for (const auto& key : keys_) {
        const bool same_certificate =
            !thumbprint.empty() && same_letters(key->thumbprint, thumbprint);
        if (key->id == id && same_certificate) return key;
        if (key->id == id) by_id = key;
        if (same_certificate && !by_thumbprint) by_thumbprint = key;
    }
    return by_thumbprint ? by_thumbprint : by_id;
}

EncryptionKeyPtr Keyring::current(SystemTime now) const {
    EncryptionKeyPtr best;
    for (const auto& key : keys_) {
        if (key->not_before > now || key->not_after <= now) continue;
        if (!best || std::tie(key->not_before, key->id) > std::tie(best->not_before, best->id))
            best = key;
    }
    return best;
}

Result<ReadKeyring> read_keyring(const std::string& folder, const Secret& passphrase) {
    return read(folder, passphrase, Which::InUse, Modes::Strict, Half::Both);
}

Result<ReadKeyring> read_retired_keys(const std::string& folder, const Secret& passphrase) {
    return read(folder, passphrase, Which::Retired, Modes::Any, Half::Certificate);
}

std::string keyring_state(const std::string& folder) {
    const auto state = [](const std::filesystem::path& path) {
        struct stat status{};
        if (::stat(path.c_str(), &status) != 0) return std::string("-");
        // The time of change, not of writing: it tells a chmod, too.
        return fmt::format(
            "{}:{}:{:o}:{}:{}.{}", status.st_dev, status.st_ino, status.st_mode, status.st_size,
            status.st_ctim.tv_sec, status.st_ctim.tv_nsec
        );
    };
    struct stat status{};
    if (::stat(folder.c_str(), &status) != 0) return "-";
    std::string all = fmt::format("{:o}", status.st_mode);
    for (const Which which : {Which::InUse, Which::Retired}) {
        const auto found = files_by_id(folder, which);
        if (!found) return "-";
        for (const auto& [id, of] : *found) {
            for (const std::string& name : of.all())
                all += fmt::format("\n{} {}", name, state(in_folder(folder, name)));
        }
    }
    return to_hex(sha256(all));
}

Result<EncryptionKeyPtr> read_key(const std::string& file, const Secret& passphrase) {
    const std::filesystem::path path(file);
    const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
    std::string name = path.filename().string();
    const bool retired = name.ends_with(kRetired);
    if (retired) name.resize(name.size() - kRetired.size());
    const std::filesystem::path plain(name);
    KeyFiles files{plain.stem().string(), file, {}};
    const std::string ending = lowered(plain.extension().string());
    if (ending == ".crt" || ending == ".cer" || ending == ".key") {
        const auto found = files_by_id(folder, retired ? Which::Retired : Which::InUse);
        if (!found) return found.error();
        const auto of = found->find(files.id);
        if (of == found->end()) return fail(Errc::NotFound, file + ": no such file");
        FilesOfId pair = of->second;
        pair.both.clear();
        auto both = files_of(folder, files.id, pair);
        if (!both) return both.error();
        files = std::move(*both);
    }
    return load_key(files, passphrase, Modes::Any, Half::Both);
}

}  // namespace graphhook::authenticity
