#pragma once

#include "core/error.hpp"
#include "handlers/options.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace graphhook::handlers {

/// The two calls that a full or broken disk fails; replaced in tests.
struct FileCalls {
    std::function<ssize_t(int, const void*, std::size_t)> write;
    std::function<int(int)> sync;
};
FileCalls real_file_calls();

/// A file of lines that only grows: whole blocks of lines are appended, or nothing is.
///
/// Opening repairs what a crash left: an unfinished last line that is ours, or a tail of zero
/// bytes, is cut off (nothing of it was acknowledged); a line of somebody else is given its
/// newline. A file that was moved or removed meanwhile (logrotate) is opened anew; one that was
/// emptied goes on from its new end. Rotation renames path to path.1, path.1 to path.2 …, and keeps
/// `rotate_keep` of them. Something else than a regular file (/dev/stdout, a pipe) is only written
/// to.
///
/// After any failure the file is closed and opened anew, and so repaired, by the next append: after
/// a failed fsync nothing is known about what is on disk.
///
/// Threads: one at a time. Files are made with mode 0640: their readers are put in the group.
class AppendFile {
  public:
    explicit AppendFile(FileOptions options, FileCalls calls = real_file_calls());
    ~AppendFile();
    AppendFile(const AppendFile&) = delete;
    AppendFile& operator=(const AppendFile&) = delete;

    /// Appends whole lines with one write, and makes them durable if `fsync` is set. Errc::Full: no
    /// space, quota or size limit; Errc::Failed: anything else. On failure nothing counts as
    /// written, though after a failed fsync the lines may be there.
    [[nodiscard]] Result<void> append(std::string_view lines);

  private:
    Result<void> make_ready(std::size_t coming);
    Result<void> open();
    Result<void> repair();
    void rotate();
    [[nodiscard]] std::string numbered(std::uint32_t number) const;
    void sync_directory();
    void close() noexcept;

    const FileOptions options_;
    const FileCalls calls_;
    int fd_ = -1;
    bool regular_ = false;
    std::uint64_t size_ = 0;
};

}  // namespace graphhook::handlers
