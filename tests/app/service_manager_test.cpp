#include "app/service/service_manager.hpp"

#include "tests/support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>

namespace graphhook::app {
namespace {

using std::chrono::microseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// What systemd has on its side of NOTIFY_SOCKET.
class Listener {
  public:
    explicit Listener(const std::string& name) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name.data(), name.size());
        if (name.front() == '@') address.sun_path[0] = '\0';
        socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        const auto* where = static_cast<const sockaddr*>(static_cast<const void*>(&address));
        EXPECT_EQ(::bind(socket_, where, length), 0) << std::strerror(errno);
    }
    ~Listener() { ::close(socket_); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// The next datagram; empty: there is none.
    std::string next() {
        std::array<char, 512> buffer{};
        const auto got = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        return got < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(got));
    }

  private:
    int socket_ = -1;
};

TEST(ServiceManagerTest, TellsReadyReloadingStoppingAndAlive) {
    const test::TempDir dir;
    Listener listener(dir.file("notify"));
    const ServiceManager manager(dir.file("notify"), microseconds(60'000'000));
    manager.ready("serving");
    EXPECT_EQ(listener.next(), "READY=1\nSTATUS=serving");
    manager.reloading();
    EXPECT_THAT(listener.next(), StartsWith("RELOADING=1\nMONOTONIC_USEC="));
    manager.stopping("draining");
    EXPECT_EQ(listener.next(), "STOPPING=1\nSTATUS=draining");
    manager.alive();
    EXPECT_EQ(listener.next(), "WATCHDOG=1");
    EXPECT_EQ(manager.watchdog_period(), microseconds(30'000'000));
}

TEST(ServiceManagerTest, AnAbstractAddressIsMeantAsOne) {
    const auto name = "@graphhook-test-" + std::to_string(::getpid());
    Listener listener(name);
    ServiceManager(name, std::nullopt).ready("x");
    EXPECT_THAT(listener.next(), HasSubstr("READY=1"));
}

TEST(ServiceManagerTest, WithoutAListenerNothingHappens) {
    const ServiceManager nobody("", std::nullopt);
    nobody.ready("x");
    nobody.alive();
    EXPECT_FALSE(nobody.watchdog_period());
    const ServiceManager gone("/nonexistent/notify", microseconds(1));
    gone.stopping("x");
}

TEST(ServiceManagerTest, TheEnvironmentIsReadOnceAndAnotherProcessesWatchdogIsNotOurs) {
    const test::TempDir dir;
    ::setenv("NOTIFY_SOCKET", dir.file("n").c_str(), 1);
    ::setenv("WATCHDOG_USEC", "2000000", 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    EXPECT_EQ(ServiceManager::from_environment().watchdog_period(), microseconds(1'000'000));
    EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
    ::setenv("NOTIFY_SOCKET", dir.file("n").c_str(), 1);
    ::setenv("WATCHDOG_USEC", "2000000", 1);
    ::setenv("WATCHDOG_PID", "1", 1);
    EXPECT_FALSE(ServiceManager::from_environment().watchdog_period());
}

}  // namespace
}  // namespace graphhook::app
