#include "app/config/config_file.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace graphhook::app {
namespace {

constexpr std::size_t kMostBytes = 16u << 20;

Result<std::string> read_file(const std::string& path) {
    const auto refused = [&path](int reason) {
        return fail(
            Errc::BadInput, fmt::format("can not read '{}': {}", path, std::strerror(reason))
        );
    };
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
        std::fopen(path.c_str(), "re"), &std::fclose
    );
    if (file == nullptr) return refused(errno);
    std::string content;
    std::array<char, 16'384> buffer{};
    while (const auto count = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
        content.append(buffer.data(), count);
        if (content.size() > kMostBytes) return refused(EFBIG);
    }
    if (std::ferror(file.get()) != 0) return refused(errno);
    return content;
}

}  // namespace

EnvironmentLookup process_environment() {
    return [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        if (value == nullptr) return std::nullopt;
        return value;
    };
}

FileReader file_system() {
    return read_file;
}

std::string config_path(const std::string& asked_for, const EnvironmentLookup& environment) {
    if (!asked_for.empty()) return asked_for;
    if (const auto value = environment("GRAPHHOOK_CONFIG"); value && !value->empty()) return *value;
    return "/etc/graphhook/graphhook.yaml";
}

LoadedConfig load_config(const std::string& path) {
    const auto text = read_file(path);
    if (!text) return {path, {std::nullopt, {{Position{}, text.error().detail}}}};
    return {path, parse_config(*text, process_environment(), file_system())};
}

}  // namespace graphhook::app
