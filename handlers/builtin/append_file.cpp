#include "handlers/builtin/append_file.hpp"

#include "core/log.hpp"
#include "handlers/envelope.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <system_error>
#include <unistd.h>

namespace graphhook::handlers {
namespace {

constexpr mode_t kMode = 0640;

Error system_error(std::string_view what, const std::string& path, int number) {
    const bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
    return fail(
        full ? Errc::Full : Errc::Failed,
        fmt::format("{} {}: {}", what, path, std::generic_category().message(number))
    );
}

/// What follows the last newline.
struct Tail {
    std::uint64_t line_begins = 0;  ///< Where the unfinished last line begins.
    std::string begins_with;        ///< Its first bytes.
    bool only_zeros = true;
};

/// Looks backwards for the last newline; no value: it could not be read.
std::optional<Tail> find_tail(const std::string& path, std::uint64_t size) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return std::nullopt;
    Tail tail;
    bool read = true;
    std::array<char, 64u << 10> block{};
    std::uint64_t end = size;
    while (end > 0) {
        const std::uint64_t begin = end - std::min<std::uint64_t>(end, block.size());
        const auto count = static_cast<std::size_t>(end - begin);
        if (::pread(fd, block.data(), count, static_cast<off_t>(begin)) !=
            static_cast<ssize_t>(count)) {
            read = false;
            break;
        }
        const std::string_view text(block.data(), count);
        const auto newline = text.rfind('\n');
        const auto rest = newline == std::string_view::npos ? text : text.substr(newline + 1);
        tail.only_zeros = tail.only_zeros && rest.find_first_not_of('\0') == std::string_view::npos;
        if (!rest.empty()) tail.begins_with = rest.substr(0, kEnvelopeBegins.size());
        if (newline != std::string_view::npos) {
            tail.line_begins = begin + newline + 1;
            break;
        }
        end = begin;
    }
    (void)::close(fd);
    if (!read) return std::nullopt;
    return tail;
}

bool may_be_ours(const Tail& tail) {
    return tail.only_zeros ||
           kEnvelopeBegins.substr(0, tail.begins_with.size()) == tail.begins_with;
}

}  // namespace

FileCalls real_file_calls() {
    return {
        [](int fd, const void* data, std::size_t size) { return ::write(fd, data, size); },
        [](int fd) { return ::fdatasync(fd); }
    };
}

AppendFile::AppendFile(FileOptions options, FileCalls calls)
    : options_(std::move(options)), calls_(std::move(calls)) {
}

AppendFile::~AppendFile() {
    close();
}

Result<void> AppendFile::append(std::string_view lines) {
    if (auto ready = make_ready(lines.size()); ready.has_error()) return ready;
    std::string_view rest = lines;
    while (!rest.empty()) {
        const ssize_t count = calls_.write(fd_, rest.data(), rest.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            const int number = count == 0 ? EIO : errno;
            // Half a block must not stay: cut it off, or, if that fails too, let the next open do
            // it. Only if nobody else appended meanwhile.
            struct stat now{};
            const std::uint64_t mine = size_ + (lines.size() - rest.size());
            if (regular_ && mine != size_ && ::fstat(fd_, &now) == 0 &&
                static_cast<std::uint64_t>(now.st_size) == mine) {
                (void)!::ftruncate(fd_, static_cast<off_t>(size_));
            }
            close();
            return system_error("cannot write", options_.path, number);
        }
        rest.remove_prefix(static_cast<std::size_t>(count));
    }
    size_ += lines.size();
    if (regular_ && options_.fsync && calls_.sync(fd_) != 0) {
        const int number = errno;
        close();
        return system_error("cannot fsync", options_.path, number);
    }
    return {};
}

Result<void> AppendFile::make_ready(std::size_t coming) {
    if (fd_ >= 0) {
        struct stat there{};
        struct stat ours{};
        const bool same = ::stat(options_.path.c_str(), &there) == 0 && ::fstat(fd_, &ours) == 0 &&
                          there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
        if (!same) {
            close();
        } else if (regular_) {
            size_ = static_cast<std::uint64_t>(ours.st_size);
        }
    }
    if (fd_ < 0) {
        if (auto opened = open(); opened.has_error()) return opened;
    }
    if (regular_ && options_.rotate_size > 0 && size_ > 0 &&
        size_ + coming > options_.rotate_size) {
        rotate();
        if (fd_ < 0) return open();
    }
    return {};
}

Result<void> AppendFile::open() {
    const bool fresh = ::access(options_.path.c_str(), F_OK) != 0;
    // Not blocking, for a pipe that nobody reads; a regular file does not care.
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    fd_ = ::open(options_.path.c_str(), flags, kMode);
    if (fd_ < 0) return system_error("cannot open", options_.path, errno);
    (void)::fcntl(fd_, F_SETFL, O_APPEND);
    struct stat found{};
    if (::fstat(fd_, &found) != 0) {
        const int number = errno;
        close();
        return system_error("cannot stat", options_.path, number);
    }
    regular_ = S_ISREG(found.st_mode);
    size_ = static_cast<std::uint64_t>(found.st_size);
    if (!regular_) return {};
    if (fresh) sync_directory();
    return repair();
}

Result<void> AppendFile::repair() {
    if (size_ == 0) return {};
    const auto tail = find_tail(options_.path, size_);
    if (tail && tail->line_begins == size_) return {};
    int failed = 0;
    if (!tail) {
        failed = -1;
    } else if (may_be_ours(*tail)) {
        failed = ::ftruncate(fd_, static_cast<off_t>(tail->line_begins));
        if (failed == 0) {
            log().warn(
                "an unfinished last line was cut off path={} bytes={}", options_.path,
                size_ - tail->line_begins
            );
            size_ = tail->line_begins;
        }
    } else {
        failed = calls_.write(fd_, "\n", 1) == 1 ? 0 : -1;
        if (failed == 0) ++size_;
    }
    if (failed != 0) {
        const int number = errno;
        close();
        return system_error("cannot repair", options_.path, number);
    }
    return {};
}

void AppendFile::rotate() {
    const auto move = [](const std::string& from, const std::string& to) {
        return ::rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT;
    };
    bool moved = true;
    for (std::uint32_t number = options_.rotate_keep; number > 1 && moved; --number) {
        moved = move(numbered(number - 1), numbered(number));
    }
    if (moved) {
        moved = options_.rotate_keep == 0 ? ::unlink(options_.path.c_str()) == 0
                                          : move(options_.path, numbered(1));
    }
    if (!moved) {
        // Better a file that is too long than deliveries that wait.
        log().error(
            "cannot rotate path={} error={}", options_.path, std::generic_category().message(errno)
        );
        return;
    }
    // Without fsync for each batch, what is rotated away is at least made durable now.
    if (!options_.fsync) (void)calls_.sync(fd_);
    sync_directory();
    close();
}

std::string AppendFile::numbered(std::uint32_t number) const {
    return fmt::format("{}.{}", options_.path, number);
}

void AppendFile::sync_directory() {
    auto directory = std::filesystem::path(options_.path).parent_path().string();
    if (directory.empty()) directory = ".";
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)::fsync(fd);
    (void)::close(fd);
}

void AppendFile::close() noexcept {
    if (fd_ >= 0) (void)::close(fd_);
    fd_ = -1;
}

}  // namespace graphhook::handlers
