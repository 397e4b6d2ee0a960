#pragma once

#include "authenticity/key_set.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/http_client.hpp"

#include <prometheus/registry.h>

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

/// Where key sets survive a restart, one text for each authority and version. Called from the
/// keeper's thread and by start(), one call at a time; may block.
class KeySetShelf {
  public:
    virtual ~KeySetShelf() = default;
    /// Empty: none of that name.
    [[nodiscard]] virtual Result<std::string> read(const std::string& name) = 0;
    virtual Result<void> write(const std::string& name, const std::string& text) = 0;
};

/// The name of one there: for who reads the shelf without a keeper.
[[nodiscard]] std::string shelf_name(std::string_view login, Version version);

/// Keeps the key sets (v1 and v2) of all authorities: from the shelf at the start, then fetched at
/// once, daily, and when an unknown `kid` was seen (at most once in five minutes for an authority,
/// however many; what was asked for before its first keys came does not count). What a fetch fails
/// to bring is kept, and asked for again after 30 s, doubling to 15 minutes; what it cannot parse
/// counts as failed. While our clock is in doubt it looks every 15 minutes whether it still is.
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
    KeySetKeeper(const std::vector<Authority>& authorities, Parts parts);
    ~KeySetKeeper();

    /// Reads the shelf (so that what is there proves at once, without a network), then starts the
    /// thread.
    void start();
    void stop();
    /// After a reload.
    void set_authorities(const std::vector<Authority>& authorities);

    /// The same one until something in it changes.
    [[nodiscard]] KeySetsPtr sets() const;
    /// A token named a key that is not there. `login`: of the item's tenant, since the token's own
    /// is not proved.
    void kid_unknown(std::string_view login);
    /// For tests, and for a thread of somebody else's: fetches what is due now; the time of the
    /// next.
    SystemTime step();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::authenticity
