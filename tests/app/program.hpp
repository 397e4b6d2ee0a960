#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::test {

/// A child process of the built program; killed if it outlives its object.
class Program {
  public:
    using Environment = std::map<std::string, std::string>;

    /// Runs `graphhook` with these arguments and the caller's environment plus `more`. What it
    /// writes goes to files in `directory`.
    Program(
        const std::string& directory, const std::vector<std::string>& arguments,
        const Environment& more = {}
    );
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    void signal(int number) const;
    /// From now on no write of it makes a file longer than a byte: EFBIG, as a broken disk might
    /// say.
    void forbid_writing() const;
    /// Its exit code; negative: the signal that ended it. Waits for the end, at most a minute.
    int wait();
    /// What it wrote so far.
    [[nodiscard]] std::string out() const;
    [[nodiscard]] std::string err() const;

  private:
    pid_t pid_ = -1;
    std::string base_;
    std::optional<int> code_;
};

std::string file_text(const std::string& path);

/// A datagram socket as systemd has it behind NOTIFY_SOCKET.
class NotifySocket {
  public:
    explicit NotifySocket(const std::string& path);
    ~NotifySocket();
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;
    /// Waits (a minute at most) for a datagram that begins with `start`; false: none came.
    bool wait_for(const std::string& start);
    /// The next one that is there; empty: none.
    std::string take();

  private:
    int socket_ = -1;
};

}  // namespace graphhook::test
