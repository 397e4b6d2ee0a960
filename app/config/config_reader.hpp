#pragma once

#include "app/config/interpolate.hpp"
#include "app/config/keys.hpp"
#include "app/config/problem.hpp"
#include "core/secret.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graphhook::app {

/// The content of a file.
using FileReader = std::function<Result<std::string>(const std::string& path)>;

/// What a key was given, checked against its row of the table.
struct Value {
    const Key* key = nullptr;
    Position at;
    bool given = false;        ///< False: the default.
    bool sound = true;         ///< False: a problem was found with it.
    std::string text;          ///< Interpolated; empty for secrets.
    std::uint64_t number = 0;  ///< Integer, Size (bytes), Duration (milliseconds), Flag (0 or 1).
    std::vector<std::string> list;
    std::vector<Position> list_at;  ///< Where each of `list` stands.
    Secret secret;                  ///< Secret, SecretFile.
    std::vector<std::pair<std::string, Secret>> headers;
};

/// A configuration file after the table of keys was laid over it: values by concrete path
/// ("tenants.contoso.client_id", "handlers.a.routes[0].kinds"), defaults filled in. Names the
/// operator chose hold no dots, so paths are unambiguous.
struct Reading {
    std::map<std::string, Value, std::less<>> values;
    /// Sections that are there, written or implied, and where.
    std::map<std::string, Position, std::less<>> sections;
    /// Names below "tenants", "subscriptions", "handlers", in the order of the file.
    std::map<std::string, std::vector<std::string>, std::less<>> names;
    /// How many elements a list of sections has.
    std::map<std::string, std::size_t, std::less<>> counts;
    std::vector<Problem> problems;

    [[nodiscard]] const Value* find(std::string_view path) const;
    [[nodiscard]] Position position_of(std::string_view path) const;
};

/// Syntax, unknown and repeated keys, types, bounds, what is required, variables, secrets' files:
/// everything that can be said of one key alone.
Reading read_config(
    const std::string& text, const EnvironmentLookup& environment, const FileReader& files
);

}  // namespace graphhook::app
