#pragma once

#include "store/notification.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace graphhook::handlers {

/// What came of looking at a delivery before it is handed over.
struct Opened {
    enum class Is : std::uint8_t {
        Proved,  ///< Or nothing had to be proved.
        Waits,   ///< Not yet provable: given back, and asked again after `again_in`.
        False,   ///< Into the quarantine.
    };
    Is is = Is::Proved;
    /// Waits, False: a label of bounded variety such as "key_unknown".
    std::string reason;
    /// For the operator; no content, no secret.
    std::string detail;
    std::chrono::milliseconds again_in{15'000};
    /// The decrypted resource as JSON, if it was asked for and the item carries one. Wiped after it
    /// was handed over.
    std::string data;
};

/// What the dispatcher asks about rich deliveries (store::Delivery::proof) before a handler sees
/// them. Threads: any, several at once; may block for as long as decrypting takes.
class Opener {
  public:
    virtual ~Opener() = default;
    /// One answer for each, in their order. `decrypt`: the handler asked for the resource. What
    /// `stop` cuts short is Waits.
    [[nodiscard]] virtual std::vector<Opened> open(
        std::span<const store::Delivery> batch, bool decrypt, std::stop_token stop
    ) = 0;
};

}  // namespace graphhook::handlers
