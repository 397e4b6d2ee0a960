#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace graphhook::emulator::cli {

/// What the commands `endpoints` and `user-notifications` read.
struct UserNotificationFlags {
    std::string tenant;
    std::string user;
    std::string app;
    std::string client;
    std::string platform;
    std::string name;
    std::string life;
    std::string endpoint;
    std::string notification;
    std::uint64_t after = 0;
    bool read = false;
    bool unread = false;
    bool activate = false;
    bool dismiss = false;
    bool snooze = false;
    bool erase = false;
    std::vector<std::string> hosts;
    std::vector<std::string> platforms;
};

}  // namespace graphhook::emulator::cli
