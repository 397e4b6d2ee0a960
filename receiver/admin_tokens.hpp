#pragma once

#include "core/digest.hpp"
#include "core/error.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::receiver {

enum class AdminRole : unsigned char { Read, Repair };
[[nodiscard]] std::string_view to_string(AdminRole role) noexcept;

/// The tokens of the admin listener; only their hashes are kept.
class AdminTokens {
  public:
    /// Lines "read:<token>" or "repair:<token>"; empty ones and those that begin with '#' are
    /// skipped. A token has at least 16 characters. Errors name the line, never what is on it.
    [[nodiscard]] static Result<AdminTokens> parse(std::string_view text);
    [[nodiscard]] static Result<AdminTokens> read(const std::string& path);

    /// Whom an Authorization header stands for: "Bearer <token>". Takes the same time for every
    /// wrong token.
    [[nodiscard]] std::optional<AdminRole> role_of(std::string_view authorization) const;

  private:
    struct Token {
        Sha256 hash;
        AdminRole role;
    };
    std::vector<Token> tokens_;
};

/// Is this Host header's name one of `names`? Ports are not looked at; "localhost", 127.0.0.1 and
/// [::1] always are. Guards against pages that make a browser call us under a name of theirs.
[[nodiscard]] bool is_known_host(std::string_view host, const std::vector<std::string>& names);

}  // namespace graphhook::receiver
