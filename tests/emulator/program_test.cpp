// The program itself: its command line, exit codes, port file and signals.
#include "core/secret.hpp"
#include "emulator/files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <spawn.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

extern char** environ;

namespace graphhook::emulator {
namespace {

using testing::HasSubstr;

struct Finished {
    int code = -1;
    std::string output;  ///< of both streams
};

/// Runs a line of the shell to its end.
Finished run(const std::string& arguments) {
    const std::string line = std::string(GRAPH_EMULATOR) + " " + arguments + " 2>&1";
    Finished finished;
    FILE* const pipe = ::popen(line.c_str(), "r");
    if (pipe == nullptr) return finished;
    char buffer[4096];
    for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
        finished.output.append(buffer, n);
    const int status = ::pclose(pipe);
    finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return finished;
}

/// `serve` in the background until it is told to stop.
class Served {
  public:
    explicit Served(std::vector<std::string> extra = {})
        : directory_(testing::TempDir() + "/program-" + random_hex(6)) {
        std::filesystem::create_directories(directory_);
        std::vector<std::string> arguments{GRAPH_EMULATOR,
                                           "serve",
                                           "--port",
                                           "0",
                                           "--port-file",
                                           port_file(),
                                           "--certificates-dir",
                                           directory_.string(),
                                           "--log-level",
                                           "error"};
        arguments.insert(arguments.end(), extra.begin(), extra.end());
        std::vector<char*> raw;
        for (auto& argument : arguments) raw.push_back(argument.data());
        raw.push_back(nullptr);
        EXPECT_EQ(::posix_spawn(&pid_, raw[0], nullptr, nullptr, raw.data(), environ), 0);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!std::filesystem::exists(port_file()) && std::chrono::steady_clock::now() < deadline)
            std::this_thread::yield();
    }
    ~Served() {
        if (pid_ > 0) stop(SIGKILL);
        std::filesystem::remove_all(directory_);
    }
    Served(const Served&) = delete;
    Served& operator=(const Served&) = delete;

    /// The exit code, or minus the signal.
    int stop(int signal) {
        ::kill(pid_, signal);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    [[nodiscard]] std::string client_arguments() const {
        const auto port = read_file(port_file()).value();
        return "--url https://localhost:" + port.substr(0, port.size() - 1) +
               " --certificates-dir " + directory_.string();
    }
    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

  private:
    [[nodiscard]] std::string port_file() const { return (directory_ / "port").string(); }
    std::filesystem::path directory_;
    pid_t pid_ = -1;
};

TEST(ProgramTest, HelpShowsExamplesAndVersionIsPrinted) {
    const auto help = run("--help");
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.output, HasSubstr("Examples:"));
    const auto version = run("--version");
    EXPECT_EQ(version.code, 0);
    EXPECT_THAT(version.output, HasSubstr("graph-emulator 0."));
    EXPECT_EQ(run("serve --help").code, 0);
    EXPECT_EQ(run("change --help").code, 0);
}

TEST(ProgramTest, WrongUsageExitsWith2) {
    for (const auto* arguments :
         {"", "dance", "change", "change --kind message --rate fast", "serve --port 99999",
          "fault set rain", "lifecycle --event missed", "serve --first-timeout soon",
          "serve --insecure-http --listen 0.0.0.0", "fault set forget", "status --output xml",
          "keys", "keys eat", "token-clock", "serve --token-version 3"}) {
        EXPECT_EQ(run(arguments).code, 2) << arguments;
    }
}

TEST(ProgramTest, AFailureExitsWith1AndSaysWhy) {
    const auto nobody = run("status --url http://127.0.0.1:1");
    EXPECT_EQ(nobody.code, 1);
    EXPECT_THAT(nobody.output, HasSubstr("http://127.0.0.1:1"));
    EXPECT_EQ(run("serve --certificates-dir /proc/nowhere").code, 1);
}

TEST(ProgramTest, SignalsEndItCleanly) {
    for (const int signal : {SIGTERM, SIGINT}) {
        Served served;
        EXPECT_EQ(served.stop(signal), 0);
    }
}

TEST(ProgramTest, CommandsSteerARunningEmulator) {
    const Served served({"--receiver-certificate"});
    const auto to = [&](const std::string& arguments) {
        return run(arguments + " " + served.client_arguments());
    };
    EXPECT_TRUE(std::filesystem::exists(served.directory() / "receiver.crt"));
    EXPECT_THAT(to("status").output, HasSubstr("changesMade"));
    EXPECT_THAT(to("status --output json").output, HasSubstr(R"("changesMade":0)"));
    const auto nobody = to("change --kind message");
    EXPECT_EQ(nobody.code, 1);
    EXPECT_THAT(nobody.output, HasSubstr("no live subscription"));
    EXPECT_THAT(
        to("fault set throttle --count 3 --retry-after 5").output,
        HasSubstr(R"("retryAfterSeconds":5)")
    );
    EXPECT_THAT(to("fault list").output, HasSubstr("throttle"));
    EXPECT_THAT(to("fault clear").output, HasSubstr("no faults"));
    EXPECT_EQ(to("subscriptions --output json").output, "[]\n");
    EXPECT_EQ(to("changes --output json").output, "[]\n");
    EXPECT_EQ(to("reset").code, 0);
    EXPECT_EQ(to("lifecycle --event missed --all").code, 1);
}

TEST(ProgramTest, DataIsMadeAndChangedByCommands) {
    const Served served;
    const auto to = [&](const std::string& arguments) {
        return run(arguments + " " + served.client_arguments());
    };
    const auto made =
        to("populate --tenant contoso --users 3 --groups 1 --group-members all --drive d "
           "--drive-items 50");
    EXPECT_EQ(made.code, 0) << made.output;
    EXPECT_THAT(made.output, HasSubstr("driveItems    51"));
    EXPECT_EQ(to("add user --tenant contoso --count 2").code, 0);
    EXPECT_EQ(to("remove user --tenant contoso --id user1@emulated.example").code, 0);
    EXPECT_EQ(to("refuse no-mailbox --tenant contoso --user user2@emulated.example").code, 0);
    EXPECT_EQ(to("refuse no-mailbox --tenant contoso --user nobody").code, 1);
    EXPECT_EQ(
        to("change --tenant contoso --resource users/a/messages --change created --silent").code, 0
    );
    EXPECT_THAT(to("changes").output, HasSubstr("message"));
    EXPECT_EQ(to("populate --tenant contoso --drive-items 5").code, 2) << "which drive?";
    EXPECT_EQ(to("fault set lose --share 0.1 --tenant contoso --count 0").code, 0);
    EXPECT_EQ(to("reset --keep-data").code, 0);
}

TEST(ProgramTest, SigningKeysAndForgeriesAreSteered) {
    const Served served({"--token-version", "mixed", "--validation-token-lifetime", "1h"});
    const auto to = [&](const std::string& arguments) {
        return run(arguments + " " + served.client_arguments());
    };
    const auto rotated = to("keys rotate -o json");
    EXPECT_EQ(rotated.code, 0) << rotated.output;
    EXPECT_THAT(rotated.output, HasSubstr(R"("published":true,"signing":true)"));
    EXPECT_THAT(to("keys list").output, HasSubstr("KEY SETS"));
    EXPECT_EQ(to("token-clock --offset -60").code, 0);
    EXPECT_EQ(to("fault set keys --form empty --count 0").code, 0);
    EXPECT_EQ(to("fault set keys --form sour").code, 1);
    EXPECT_EQ(to("fault set ignore-certificate").code, 0);
    EXPECT_EQ(to("changes --plaintext").code, 0);
    const auto forged = to("change --kind message --forge alg-none");
    EXPECT_EQ(forged.code, 1);
    EXPECT_THAT(run("forgeries").output, HasSubstr("swapped-data"));
    EXPECT_THAT(run("change --help").output, HasSubstr("swapped-data"));
}

TEST(ProgramTest, AUsersTokenForAnApiIsPrinted) {
    const Served served;
    const auto to = [&](const std::string& arguments) {
        return run(
            "user-token --user ann@contoso.com --tenant contoso --app app-1 " + arguments + " " +
            served.client_arguments()
        );
    };
    const auto token = to("--audience api://my-api --scope 'Tasks.Read Tasks.Write' --version 1");
    EXPECT_EQ(token.code, 0) << token.output;
    EXPECT_THAT(
        token.output, testing::MatchesRegex("[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\n")
    );
    EXPECT_THAT(to("--audience my-api --forge alg-none").output, testing::EndsWith(".\n"));
    EXPECT_THAT(to("--audience my-api -o json").output, HasSubstr("user_impersonation"));
    EXPECT_EQ(to("--audience https://graph.microsoft.com").code, 1);
    EXPECT_EQ(to("--audience my-api --forge no-such").code, 2);
    EXPECT_EQ(to("--audience my-api --version 3").code, 2);
    EXPECT_EQ(to("").code, 2) << "for which API?";
    EXPECT_THAT(run("user-token --help").output, HasSubstr("key-unknown"));
}

TEST(ProgramTest, KindsAreListedWithoutAnEmulator) {
    const auto listed = run("kinds");
    EXPECT_EQ(listed.code, 0);
    EXPECT_THAT(listed.output, HasSubstr("users/{}/messages"));
}

}  // namespace
}  // namespace graphhook::emulator
