#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/http_client.hpp"

#include <prometheus/registry.h>

#include "authenticity/key_set.hpp"
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::authenticity {

/// One authority whose tokens we may get.
struct Authority {
    std::string login;    ///< "https://login.microsoftonline.com"
    std::string ca_file;  ///< Empty: the system's.
    bool operator==(const Authority&) const = default;
};

/// Where key sets survive a restart. Called from the keeper's thread; may block.
class KeySetShelf {
  public:
    virtual ~KeySetShelf() = default;
    /// Empty: none of that name.
    [[nodiscard]] virtual Result<std::string> read(const std::string& name) = 0;
    virtual Result<void> write(const std::string& name, const std::string& text) = 0;
};

/// Keeps the key sets (v1 and v2) of all authorities: from the shelf at the start, then fetched at
/// once, daily, and when an unknown `kid` was seen (at most once in five minutes for an authority,
/// however many). What a fetch fails to bring is kept; what it cannot parse counts as failed.
///
/// Threads: all functions from any; one thread of its own, which alone talks to the network and the
/// shelf. `sets()` never waits. Clock and shelf must outlive it.
class KeySetKeeper {
  public:
    using MakeClient = std::function<std::unique_ptr<HttpClient>(const Authority&)>;
    struct Parts {
        KeySetShelf& shelf;
        Clock& clock;
        prometheus::Registry& registry;
        MakeClient make_client;  ///< Absent: the real one.
    };
    KeySetKeeper(std::vector<Authority> authorities, Parts parts);
    ~KeySetKeeper();

    /// Reads the shelf (so that what is there proves at once, without a network), then starts the
    /// thread.
    void start();
    void stop();
    /// After a reload.
    void set_authorities(std::vector<Authority> authorities);

    [[nodiscard]] KeySetsPtr sets() const;
    /// A token named a key that is not there.
    void kid_unknown(std::string_view login);
    /// For tests, and for a thread of somebody else's: fetches what is due now; the time of the
    /// next.
    SystemTime step();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::authenticity
