#include "core/file_state.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

namespace graphhook {

std::string file_state(const std::string& path) {
    struct stat status{};
    if (path.empty() || ::stat(path.c_str(), &status) != 0) return "-";
    return fmt::format(
        "{}:{}:{}:{}.{}", status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
        status.st_mtim.tv_nsec
    );
}

}  // namespace graphhook
