#pragma once

#include "core/error.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace graphhook::store {

/// `store:` in the configuration. All of it needs a restart.
struct StoreOptions {
    /// "sqlite:/path/to/file.db".
    std::string url = "sqlite:/var/lib/graphhook/graphhook.db";
    /// How long done notifications stay, for `deliveries show` and replay.
    std::chrono::milliseconds retain = std::chrono::hours(72);
    /// Above this many bytes in the database file done notifications go before their time.
    std::uint64_t retain_bytes = 2ULL << 30;
    /// Free space of the file system below which intake answers 503, so that done, dead and
    /// checkpoints go on.
    std::uint64_t reserve = 1ULL << 30;
    /// Above this many notifications waiting intake answers 503.
    std::uint64_t max_waiting = 50'000'000;
    /// How long, and how many, identities are remembered to recognise repeats. Graph retries for 4
    /// h.
    std::chrono::milliseconds repeat_window = std::chrono::hours(4);
    std::uint64_t repeat_keys = 2'000'000;
    /// How long the last version of each object of a swept subscription is remembered, so that a
    /// sweep does not hand over what was handed over (`repeat_keys` bounds these too, by
    /// themselves). Longer than the time between two sweeps, or the daily one hands over the day
    /// again.
    std::chrono::milliseconds version_window = std::chrono::hours(26);
    /// How many deliveries are kept in the quarantine at most (the oldest go first), and how long.
    std::uint64_t quarantine_items = 10'000;
    std::chrono::milliseconds quarantine_retain = std::chrono::hours(7 * 24);
    /// The WAL is kept below this; a reader that would hold it longer is interrupted and starts
    /// again.
    std::uint64_t wal_bytes = 64ULL << 20;

    // Not in the configuration:
    /// Name of the SQLite VFS to open the file with; empty: the system's. For tests that break
    /// disks.
    std::string vfs;
    /// Called once, from the store's thread, when a write or fsync failed and nothing more will be
    /// acknowledged.
    std::function<void(const Error&)> on_failed;
};

}  // namespace graphhook::store
