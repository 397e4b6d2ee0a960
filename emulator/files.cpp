#include "emulator/files.hpp"

#include "core/secret.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace graphhook::emulator {

namespace {
constexpr std::uintmax_t kLargest = 1u << 20;

std::string reason() {
    return std::generic_category().message(errno);
}
}  // namespace

Result<std::string> read_file(const std::filesystem::path& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error)
        return fail(
            Errc::NotFound, fmt::format("cannot read {}: {}", path.string(), error.message())
        );
    if (size > kLargest) return fail(Errc::Failed, fmt::format("{} is too large", path.string()));
    std::ifstream in(path, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (!in) return fail(Errc::Failed, fmt::format("cannot read {}", path.string()));
    return text;
}

Result<void> write_file(const std::filesystem::path& path, std::string_view text, FileMode mode) {
    const std::string beside = fmt::format("{}.{}.new", path.string(), random_hex(4));
    const int file = ::open(
        beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
        mode == FileMode::Secret ? 0600 : 0644
    );
    if (file < 0)
        return fail(Errc::Failed, fmt::format("cannot write {}: {}", path.string(), reason()));
    std::string trouble;
    while (!text.empty() && trouble.empty()) {
        const auto written = ::write(file, text.data(), text.size());
        if (written > 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno != EINTR) {
            trouble = reason();
        }
    }
    if (::close(file) != 0 && trouble.empty()) trouble = reason();
    if (trouble.empty() && ::rename(beside.c_str(), path.c_str()) != 0) trouble = reason();
    if (trouble.empty()) return {};
    ::unlink(beside.c_str());
    return fail(Errc::Failed, fmt::format("cannot write {}: {}", path.string(), trouble));
}

}  // namespace graphhook::emulator
