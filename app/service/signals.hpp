#pragma once

#include <chrono>

namespace graphhook::app {

/// The process's signals as events of the thread that waits for them. Construct it before any
/// other thread: it blocks SIGTERM, SIGINT and SIGHUP for all of them, and ignores SIGPIPE and
/// SIGXFSZ.
class Signals {
  public:
    enum class Event { Terminate, Reload, Poked, Timeout };

    Signals();
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    /// The next event, or Timeout. Of one thread at a time.
    [[nodiscard]] Event wait(std::chrono::milliseconds most);
    /// Makes `wait` return Poked. Threads: any.
    void poke() noexcept;

  private:
    int signals_ = -1;
    int pokes_ = -1;
};

}  // namespace graphhook::app
