#include "app/service/service_manager.hpp"

#include "core/log.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <unistd.h>

namespace graphhook::app {
namespace {

std::string taken_from_environment(const char* name) {
    const char* value = std::getenv(name);
    std::string text = value == nullptr ? "" : value;
    ::unsetenv(name);
    return text;
}

std::optional<std::uint64_t> number(const std::string& text) {
    std::uint64_t value = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, value);
    if (text.empty() || error != std::errc{} || end != last) return std::nullopt;
    return value;
}

}  // namespace

ServiceManager::ServiceManager(
    std::string address, std::optional<std::chrono::microseconds> watchdog
)
    : address_(std::move(address)), watchdog_(watchdog) {
}

ServiceManager ServiceManager::from_environment() {
    const auto address = taken_from_environment("NOTIFY_SOCKET");
    const auto micros = number(taken_from_environment("WATCHDOG_USEC"));
    const auto pid = number(taken_from_environment("WATCHDOG_PID"));
    std::optional<std::chrono::microseconds> watchdog;
    const bool ours = !pid || *pid == static_cast<std::uint64_t>(::getpid());
    if (micros && *micros > 0 && ours)
        watchdog = std::chrono::microseconds(static_cast<std::int64_t>(*micros));
    return {address, watchdog};
}

void ServiceManager::ready(std::string_view status) const {
    tell(fmt::format("READY=1\nSTATUS={}", status));
}

void ServiceManager::reloading() const {
    // systemd wants to know since when, by the clock that it compares with.
    std::timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    tell(fmt::format(
        "RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading",
        static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000
    ));
}

void ServiceManager::stopping(std::string_view status) const {
    tell(fmt::format("STOPPING=1\nSTATUS={}", status));
}

void ServiceManager::alive() const {
    tell("WATCHDOG=1");
}

std::optional<std::chrono::microseconds> ServiceManager::watchdog_period() const {
    if (!watchdog_ || address_.empty()) return std::nullopt;
    return *watchdog_ / 2;
}

void ServiceManager::tell(std::string_view message) const {
    if (address_.empty()) return;
    sockaddr_un target{};
    target.sun_family = AF_UNIX;
    if ((address_.front() != '/' && address_.front() != '@') ||
        address_.size() >= sizeof target.sun_path)
        return;
    std::memcpy(target.sun_path, address_.data(), address_.size());
    if (address_.front() == '@') target.sun_path[0] = '\0';
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    // bind, connect and sendto take any family's address through this pointer.
    const auto* address = static_cast<const sockaddr*>(static_cast<const void*>(&target));
    if (::sendto(socket, message.data(), message.size(), MSG_NOSIGNAL, address, length) < 0)
        log().debug("could not tell the service manager error={}", std::strerror(errno));
    ::close(socket);
}

}  // namespace graphhook::app
