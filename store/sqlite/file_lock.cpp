#include "store/sqlite/file_lock.hpp"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace graphhook::store {
namespace {

std::string reason() {
    return std::generic_category().message(errno);
}

std::string directory_of(const std::string& path) {
    std::string directory = std::filesystem::path(path).parent_path().string();
    return directory.empty() ? "." : directory;
}

}  // namespace

Result<FileLock> FileLock::take(const std::string& database) {
    const std::string path = database + ".lock";
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return fail(Errc::BadInput, "cannot make " + path + ": " + reason());
    FileLock lock(descriptor);
    std::array<char, 200> text{};
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        const ssize_t size = ::pread(descriptor, text.data(), text.size() - 1, 0);
        std::string holder(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
        while (!holder.empty() && holder.back() == '\n') holder.pop_back();
        if (holder.empty()) holder = "holder unknown";
        return fail(
            Errc::Locked, "another graphhook (" + holder + ") serves this store: " + database
        );
    }
    if (::gethostname(text.data(), text.size() - 1) != 0) text[0] = '\0';
    const std::string holder = "pid " + std::to_string(::getpid()) + " on " + text.data() + "\n";
    if (::ftruncate(descriptor, 0) != 0 ||
        ::pwrite(descriptor, holder.data(), holder.size(), 0) < 0) {
        return fail(Errc::Full, "cannot write " + path + ": " + reason());
    }
    return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {
}

FileLock::~FileLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

const char* network_file_system(std::int64_t magic) noexcept {
    switch (magic & 0xffffffff) {
        case 0x6969:
            return "NFS";
        case 0x517B:
            return "SMB";
        case 0xFE534D42:
            return "SMB2";
        case 0xFF534D42:
            return "CIFS";
        case 0x65735546:
            return "FUSE";
        case 0x01021997:
            return "9P";
        case 0x00C36400:
            return "Ceph";
        case 0x0BD00BD0:
            return "Lustre";
        case 0x5346414F:
            return "AFS";
        case 0x01161970:
            return "GFS2";
        case 0x7461636F:
            return "OCFS2";
        case 0x47504653:
            return "GPFS";
        default:
            return nullptr;
    }
}

Result<void> check_file_system(const std::string& database) {
    const std::string directory = directory_of(database);
    struct statfs about{};
    if (::statfs(directory.c_str(), &about) != 0) {
        return fail(
            Errc::BadInput, "the store's directory " + directory + " cannot be used: " + reason()
        );
    }
    if (const char* name = network_file_system(static_cast<std::int64_t>(about.f_type))) {
        return fail(
            Errc::BadInput,
            directory + " is on a network file system (" + name +
                "), whose locks and fsync the store cannot rely on; use a local disk"
        );
    }
    return {};
}

Result<void> create_private_file(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return fail(
            errno == ENOSPC || errno == EDQUOT ? Errc::Full : Errc::BadInput,
            "cannot open " + path + ": " + reason()
        );
    }
    ::close(descriptor);
    return {};
}

Result<void> sync_directory_of(const std::string& path) {
    const std::string directory = directory_of(path);
    const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0 || ::fsync(descriptor) != 0) {
        const std::string why = reason();
        if (descriptor >= 0) ::close(descriptor);
        return fail(Errc::Failed, "cannot sync " + directory + ": " + why);
    }
    ::close(descriptor);
    return {};
}

std::uint64_t free_bytes_at(const std::string& path) noexcept {
    struct statvfs about{};
    const std::size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    if (::statvfs(directory.c_str(), &about) != 0) return 0;
    return static_cast<std::uint64_t>(about.f_bavail) * about.f_frsize;
}

std::uint64_t file_bytes(const std::string& path) noexcept {
    struct stat about{};
    return ::stat(path.c_str(), &about) == 0 ? static_cast<std::uint64_t>(about.st_size) : 0;
}

}  // namespace graphhook::store
