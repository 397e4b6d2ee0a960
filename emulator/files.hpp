#pragma once

#include "core/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace graphhook::emulator {

enum class FileMode { Public, Secret };

/// At most a megabyte. Errc::NotFound or Errc::Failed with the path and the reason.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path);
/// Whole or not at all: into a new file beside it, then renamed. A secret file is readable by its
/// owner only.
[[nodiscard]] Result<void> write_file(
    const std::filesystem::path& path, std::string_view text, FileMode mode
);

}  // namespace graphhook::emulator
