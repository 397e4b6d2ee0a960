#include "app/service/signals.hpp"

#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <poll.h>
#include <stdexcept>
#include <unistd.h>

namespace graphhook::app {

Signals::Signals() {
    // A closed connection and a file at its limit are errors of a write, not the end of the
    // process.
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);
    sigset_t ours;
    ::sigemptyset(&ours);
    ::sigaddset(&ours, SIGTERM);
    ::sigaddset(&ours, SIGINT);
    ::sigaddset(&ours, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &ours, nullptr);
    signals_ = ::signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
    pokes_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (signals_ < 0 || pokes_ < 0) throw std::runtime_error("no descriptors for signals");
}

Signals::~Signals() {
    ::close(signals_);
    ::close(pokes_);
}

Signals::Event Signals::wait(std::chrono::milliseconds most) {
    std::array<pollfd, 2> both{{{signals_, POLLIN, 0}, {pokes_, POLLIN, 0}}};
    if (::poll(both.data(), both.size(), static_cast<int>(most.count())) <= 0)
        return Event::Timeout;
    std::uint64_t count = 0;
    if ((both[1].revents & POLLIN) != 0 && ::read(pokes_, &count, sizeof count) > 0)
        return Event::Poked;
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) != sizeof info) return Event::Timeout;
    return info.ssi_signo == static_cast<std::uint32_t>(SIGHUP) ? Event::Reload : Event::Terminate;
}

void Signals::poke() noexcept {
    const std::uint64_t one = 1;
    // Full means that it is poked already.
    [[maybe_unused]] const auto written = ::write(pokes_, &one, sizeof one);
}

}  // namespace graphhook::app
