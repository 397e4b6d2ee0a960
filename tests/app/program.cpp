#include "tests/app/program.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <stdexcept>
#include <unistd.h>

namespace graphhook::test {
namespace {

constexpr int kMinute = 60'000;

std::vector<std::string> environment_with(const Program::Environment& more) {
    std::vector<std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        if (!more.contains(text.substr(0, text.find('=')))) all.push_back(text);
    }
    for (const auto& [name, value] : more) all.push_back(name + "=" + value);
    return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (auto& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
}

}  // namespace

std::string file_text(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

Program::Program(
    const std::string& directory, const std::vector<std::string>& arguments, const Environment& more
) {
    static std::atomic<int> count{0};
    base_ = directory + "/program-" + std::to_string(++count);
    std::vector<std::string> texts{GRAPHHOOK_PROGRAM};
    texts.insert(texts.end(), arguments.begin(), arguments.end());
    auto environment = environment_with(more);
    const auto argv = pointers(texts);
    const auto envp = pointers(environment);
    const int out = ::open((base_ + ".out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const int err = ::open((base_ + ".err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    pid_ = ::fork();
    if (pid_ == 0) {
        ::dup2(out, STDOUT_FILENO);
        ::dup2(err, STDERR_FILENO);
        ::execve(argv[0], argv.data(), envp.data());
        ::_exit(127);
    }
    ::close(out);
    ::close(err);
    if (pid_ < 0) throw std::runtime_error("no process");
}

Program::~Program() {
    if (code_) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

void Program::signal(int number) const {
    ::kill(pid_, number);
}

void Program::forbid_writing() const {
    const rlimit one_byte{1, 1};
    if (::prlimit(pid_, RLIMIT_FSIZE, &one_byte, nullptr) != 0)
        throw std::runtime_error("no limit for the program");
}

int Program::wait() {
    if (code_) return *code_;
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    pollfd ended{handle, POLLIN, 0};
    const int ready = ::poll(&ended, 1, kMinute);
    ::close(handle);
    if (ready != 1) throw std::runtime_error("the program does not end: " + err());
    int status = 0;
    ::waitpid(pid_, &status, 0);
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return *code_;
}

std::string Program::out() const {
    return file_text(base_ + ".out");
}

std::string Program::err() const {
    return file_text(base_ + ".err");
}

NotifySocket::NotifySocket(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const auto* where = static_cast<const sockaddr*>(static_cast<const void*>(&address));
    if (::bind(socket_, where, sizeof address) != 0) throw std::runtime_error("no notify socket");
}

NotifySocket::~NotifySocket() {
    ::close(socket_);
}

std::string NotifySocket::take() {
    std::array<char, 512> buffer{};
    const auto got = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    return got < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(got));
}

bool NotifySocket::wait_for(const std::string& start) {
    for (;;) {
        pollfd there{socket_, POLLIN, 0};
        if (::poll(&there, 1, kMinute) != 1) return false;
        if (take().starts_with(start)) return true;
    }
}

}  // namespace graphhook::test
