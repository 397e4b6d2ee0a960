#pragma once

#include "core/error.hpp"

#include <cstdint>
#include <string>

namespace graphhook::store {

/// The lock of the one process that serves a store: `<file>.lock`, held until destroyed, naming its
/// holder.
class FileLock {
  public:
    /// Errc::Locked naming the holder; Errc::BadInput where the file cannot be made.
    [[nodiscard]] static Result<FileLock> take(const std::string& database);
    FileLock(FileLock&& other) noexcept;
    FileLock& operator=(FileLock&&) = delete;
    ~FileLock();

  private:
    explicit FileLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

/// Errc::BadInput on a network file system, whose locks and fsync promise less than we do, and
/// where there is no such directory.
[[nodiscard]] Result<void> check_file_system(const std::string& database);
/// The name of a file system (its statfs magic number) that a store must not lie on; else nullptr.
[[nodiscard]] const char* network_file_system(std::int64_t magic) noexcept;

/// Makes the file, 0600, where it is not there yet.
[[nodiscard]] Result<void> create_private_file(const std::string& path);
/// So that a power cut does not take the names of new files.
[[nodiscard]] Result<void> sync_directory_of(const std::string& path);

/// Free bytes of the file system that `path` is on, for those without privileges. 0: cannot be
/// told.
[[nodiscard]] std::uint64_t free_bytes_at(const std::string& path) noexcept;
[[nodiscard]] std::uint64_t file_bytes(const std::string& path) noexcept;

}  // namespace graphhook::store
