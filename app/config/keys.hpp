#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::app {

/// What a key holds.
enum class Type : std::uint8_t {
    Section,     ///< A map of the keys below it.
    Named,       ///< A map from names that the operator chooses to sections.
    Items,       ///< A list of sections.
    Cloud,       ///< The name of a cloud, or a section.
    Text,        ///< Not empty.
    Path,        ///< A file or folder that we make.
    ReadFile,    ///< A file that has to be there; read when the configuration is checked.
    HttpsUrl,    ///< https, a host, no query.
    HttpUrl,     ///< http or https.
    UrlPath,     ///< Starts with "/", or is empty.
    Uuid,        ///< 8-4-4-4-12 hex digits.
    Listen,      ///< address:port, [v6]:port or unix:/path
    Store,       ///< sqlite:/path
    Integer,     ///< A whole number.
    Size,        ///< Bytes, with B, KiB, MiB, GiB, TiB or without a unit.
    Duration,    ///< With ms, s, m, h or d.
    Flag,        ///< true or false, also on, off, yes, no.
    Choice,      ///< One of `choices`.
    Texts,       ///< A list of texts, or one text.
    Choices,     ///< A list of `choices`, or one of them.
    Networks,    ///< A list of networks such as 10.0.0.0/8.
    Headers,     ///< A map from names to values; the values are treated as secrets.
    Secret,      ///< Never shown.
    SecretFile,  ///< A file whose content, without the last line's end, is the secret.
};

enum class Need : std::uint8_t {
    Optional,
    Required,  ///< Has to be written wherever its section is.
    Implied,   ///< A section that is there, with its defaults, even if it is not written.
};

enum class Change : std::uint8_t {
    Reload,   ///< Taken up by SIGHUP.
    Restart,  ///< A reload that changes it is refused.
};

/// One key of the configuration file. From these the parser's checks, the published JSON Schema and
/// the tables of docs/configuration.md are made, so that they can not tell different stories. Where
/// handlers of several types have a key with another meaning each, it has a row for each.
struct Key {
    std::string_view path;  ///< "receiver.limits.items"; '*' stands for a chosen name, "[]" for
                            ///< each element of a list.
    Type type;
    Need need;
    Change change;
    std::string_view fallback;      ///< The default as one would write it; empty: none.
    std::uint64_t least, most;      ///< Of numbers, bytes or milliseconds; both 0: not bounded.
    std::string_view alternatives;  ///< "a|b|c", for Choice and Choices.
    std::string_view only;     ///< The types of handler that have this key: "http", "http|file";
                               ///< empty: all.
    std::string_view meaning;  ///< One line for docs/configuration.md and the schema.
};

/// All keys, parents before children.
std::span<const Key> keys();

/// The first key of that path, nullptr if there is none.
const Key* find_key(std::string_view path);

/// Those one level below `path` ("" for the top).
std::vector<const Key*> children_of(std::string_view path);

/// What follows the last dot: "items" of "receiver.limits.items".
std::string_view last_part(std::string_view path);

std::vector<std::string> split_alternatives(std::string_view alternatives);

/// Whether handlers of that type have it.
bool is_for(const Key& key, std::string_view handler_type);

/// The types of handler that have a key of that path, those of all its rows.
std::vector<std::string> types_with(std::string_view path);

/// What is called "type" in the documentation: "duration", "list of texts", …
std::string_view type_name(Type type);

}  // namespace graphhook::app
