#pragma once

#include <string>

namespace graphhook {

/// What differs when the file was replaced or rewritten: device, inode, size and time. "-" for an
/// empty name or a missing file.
[[nodiscard]] std::string file_state(const std::string& path);

}  // namespace graphhook
