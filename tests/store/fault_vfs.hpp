#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

struct sqlite3_vfs;

namespace graphhook::store {

/// A disk in memory, as a SQLite VFS, that breaks on demand.
///
/// It remembers what was written since each file's last sync. When power is cut, any part of that
/// may be lost: none, all, everything after some point, or any subset of its 512-byte sectors. A
/// failed fsync does what Linux does: the pages count as clean, but are not on the disk, and no
/// later sync writes them. Threads: any.
class FaultDisk {
  public:
    enum class Fault : std::uint8_t {
        None,
        PowerCut,    ///< This step and all later ones fail.
        FsyncFails,  ///< The next sync from this step on fails, once.
        ShortWrite,  ///< The next write from this step on is written in part and fails, once.
        Full,        ///< The next writes from this step on find no room, `times` often.
    };

    FaultDisk();
    ~FaultDisk();
    FaultDisk(const FaultDisk&) = delete;
    FaultDisk& operator=(const FaultDisk&) = delete;

    /// For StoreOptions::vfs.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    void arm(Fault fault, std::uint64_t at_step, unsigned times = 1);
    /// Writes, truncations, syncs and deletions so far.
    [[nodiscard]] std::uint64_t steps() const;
    /// The armed fault has happened.
    [[nodiscard]] bool happened() const;
    /// Power goes (if it is still there) and comes back; nobody may have a file open.
    void power_cycle(std::uint64_t seed);
    /// As kill -9 does: what was written is still in the page cache, but the process does nothing
    /// more, not even close its files well. Everything fails until revive().
    void kill();
    /// All files are closed; a new process may open them.
    void revive();
    /// What an fsync of the directory does, which no VFS sees: what was deleted stays deleted.
    void directory_synced();
    [[nodiscard]] std::uint64_t size_of(const std::string& suffix) const;
    /// The largest a file of that suffix ever was.
    [[nodiscard]] std::uint64_t peak_of(const std::string& suffix) const;

    // For the VFS's functions.
    struct Change {
        bool truncate = false;
        std::int64_t offset = 0;  ///< Or the new size.
        std::string bytes;
    };
    struct File {
        std::string now;      ///< What a reader sees.
        std::string durable;  ///< What the disk has.
        bool exists_durably = false;
        std::vector<Change> unsynced;
        // locks, as SQLite's file locks
        int shared = 0;
        const void* reserved = nullptr;
        const void* pending = nullptr;
        const void* exclusive = nullptr;
        // shared memory
        std::vector<std::unique_ptr<char[]>> regions;
        int mapped = 0;
        struct Slot {
            int shared = 0;
            const void* exclusive = nullptr;
        };
        Slot slots[8];
    };
    std::shared_ptr<File> open(const std::string& path, bool create);
    bool exists(const std::string& path) const;
    int remove(const std::string& path);
    int write(File& file, const std::string& path, std::int64_t offset, const void* data, int size);
    int read(const File& file, std::int64_t offset, void* data, int size) const;
    int truncate(File& file, std::int64_t size);
    int sync(File& file);
    std::mutex& mutex() const noexcept { return mutex_; }
    bool dead() const noexcept { return dead_; }

  private:
    bool step(bool writing, bool syncing);

    std::string name_;
    std::unique_ptr<sqlite3_vfs> vfs_;
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<File>> files_;
    std::map<std::string, std::string> ghosts_;  // deleted, but not durably
    std::map<std::string, std::uint64_t> peaks_;
    Fault fault_ = Fault::None;
    std::uint64_t at_ = 0;
    unsigned times_ = 0;
    bool happened_ = false;
    bool dead_ = false;
    std::uint64_t steps_ = 0;
};

}  // namespace graphhook::store
