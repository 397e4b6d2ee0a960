#pragma once

#include <csignal>

namespace graphhook::handlers {

/// For threads that run handlers: signals are the main thread's, and a closed pipe is an error of
/// its write, not the end of the process.
inline void block_signals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace graphhook::handlers
