#pragma once

#include "app/config/config_reader.hpp"

namespace graphhook::app {

/// Reads one (interpolated) scalar as the key's type wants it, into `value`: text, number or one
/// more element of list. The error is what the operator is told, without the key's name.
[[nodiscard]] Result<void> read_scalar(
    const Key& key, const std::string& text, const FileReader& files, Value& value
);

/// How a value is written in `check` and in messages about what changed; secrets as "***".
std::string shown(const Value& value);

/// "host" of "host:443" and "[::1]:443"; whether that is this machine talking to itself.
bool is_loopback(std::string_view address);

}  // namespace graphhook::app
