#include "receiver/admin_tokens.hpp"

#include "core/secret.hpp"
#include "core/text.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <fstream>
#include <iterator>

namespace graphhook::receiver {
namespace {

constexpr std::size_t kLeastTokenBytes = 16;

}  // namespace

std::string_view to_string(AdminRole role) noexcept {
    return role == AdminRole::Repair ? "repair" : "read";
}

Result<AdminTokens> AdminTokens::parse(std::string_view text) {
    AdminTokens tokens;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = text.find('\n');
        auto line = trimmed(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.ends_with('\r')) line = trimmed(line.substr(0, line.size() - 1));
        if (line.empty() || line.starts_with('#')) continue;
        const auto colon = line.find(':');
        const auto role = line.substr(0, colon);
        const auto token =
            colon == std::string_view::npos ? std::string_view() : trimmed(line.substr(colon + 1));
        if ((role != "read" && role != "repair") || token.size() < kLeastTokenBytes)
            return fail(
                Errc::BadInput,
                fmt::format(
                    "tokens file, line {}: not read:<token> or repair:<token> with at least {} "
                    "characters",
                    number, kLeastTokenBytes
                )
            );
        tokens.tokens_.push_back(
            {sha256(token), role == "repair" ? AdminRole::Repair : AdminRole::Read}
        );
    }
    return tokens;
}

Result<AdminTokens> AdminTokens::read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(Errc::NotFound, fmt::format("tokens file {} cannot be read", path));
    std::string text{std::istreambuf_iterator<char>(file), {}};
    auto tokens = parse(text);
    OPENSSL_cleanse(text.data(), text.size());
    return tokens;
}

std::optional<AdminRole> AdminTokens::role_of(std::string_view authorization) const {
    constexpr std::string_view kBearer = "bearer ";
    if (!same_letters(authorization.substr(0, kBearer.size()), kBearer)) return std::nullopt;
    const auto hash = sha256(trimmed(authorization.substr(kBearer.size())));
    std::optional<AdminRole> role;
    for (const Token& token : tokens_) {
        if (equal_in_constant_time(hash, token.hash)) role = token.role;
    }
    return role;
}

bool is_known_host(std::string_view host, const std::vector<std::string>& names) {
    if (host.starts_with('[')) {
        host = host.substr(1, host.find(']') - 1);
    } else {
        host = host.substr(0, host.find(':'));
    }
    for (const std::string_view name : {"localhost", "127.0.0.1", "::1"}) {
        if (same_letters(host, name)) return true;
    }
    for (const std::string& name : names) {
        if (same_letters(host, name)) return true;
    }
    return false;
}

}  // namespace graphhook::receiver
