#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "emulator/options.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace graphhook::emulator {

/// The stand-in for Graph and the identity platform. Everything happens on the thread that calls
/// `run`.
class Emulator {
  public:
    /// Makes keys and certificates, and listens. Errc::BadInput: options that do not go together.
    /// Errc::Failed: a file or the port. `clock` must outlive the emulator.
    [[nodiscard]] static Result<std::unique_ptr<Emulator>> open(Options options, Clock& clock);
    ~Emulator();
    Emulator(const Emulator&) = delete;
    Emulator& operator=(const Emulator&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept;
    /// Where managed identities get their tokens; 0: nowhere.
    [[nodiscard]] std::uint16_t managed_identity_port() const noexcept;
    /// "https://localhost:8443"
    [[nodiscard]] std::string base_url() const;
    /// Stop on SIGTERM and SIGINT, too. Before `run`.
    void stop_on_signals();
    /// Serves until it is stopped.
    void run();
    /// Ends `run` soon. Threads: any.
    void stop();

  private:
    struct Impl;
    explicit Emulator(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::emulator
