#pragma once

#include <string>

namespace graphhook::app {

/// The JSON Schema (2020-12) of the configuration file, made from the table of keys and published
/// as deploy/graphhook.schema.json. It judges each key alone, like an editor; `check` says more.
std::string json_schema();

/// The tables of docs/configuration.md, one for each top-level section, made from the same table.
/// `section`: "receiver", "admin", …
std::string key_table(const std::string& section);

}  // namespace graphhook::app
