#include "tests/store/fault_vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <new>
#include <thread>
#include <utility>

namespace graphhook::store {
namespace {

constexpr std::int64_t kSector = 512;

struct OpenFile : sqlite3_file {
    FaultDisk* disk;
    std::shared_ptr<FaultDisk::File> file;
    std::string path;
    int level;
    std::uint16_t shm_shared, shm_exclusive;
    bool mapped;
};

OpenFile& self(sqlite3_file* file) {
    return *static_cast<OpenFile*>(file);
}

int x_close(sqlite3_file* file) {
    OpenFile& open = self(file);
    open.file.~shared_ptr();
    open.path.~basic_string();
    return SQLITE_OK;
}

int x_read(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
    OpenFile& open = self(file);
    const std::lock_guard lock(open.disk->mutex());
    return open.disk->read(*open.file, offset, data, size);
}

int x_write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    OpenFile& open = self(file);
    const std::lock_guard lock(open.disk->mutex());
    return open.disk->write(*open.file, open.path, offset, data, size);
}

int x_truncate(sqlite3_file* file, sqlite3_int64 size) {
    OpenFile& open = self(file);
    const std::lock_guard lock(open.disk->mutex());
    return open.disk->truncate(*open.file, size);
}

int x_sync(sqlite3_file* file, int) {
    OpenFile& open = self(file);
    const std::lock_guard lock(open.disk->mutex());
    return open.disk->sync(*open.file);
}

int x_file_size(sqlite3_file* file, sqlite3_int64* size) {
    OpenFile& open = self(file);
    const std::lock_guard lock(open.disk->mutex());
    *size = static_cast<sqlite3_int64>(open.file->now.size());
    return SQLITE_OK;
}

int x_lock(sqlite3_file* file, int level) {
    OpenFile& open = self(file);
    const std::lock_guard lock(open.disk->mutex());
    FaultDisk::File& on_disk = *open.file;
    if (open.level >= level) return SQLITE_OK;
    if (level == SQLITE_LOCK_SHARED) {
        if (on_disk.pending != nullptr || on_disk.exclusive != nullptr) return SQLITE_BUSY;
        ++on_disk.shared;
    } else if (level == SQLITE_LOCK_RESERVED) {
        if (on_disk.reserved != nullptr) return SQLITE_BUSY;
        on_disk.reserved = &open;
    } else {
        if (on_disk.pending != nullptr && on_disk.pending != &open) return SQLITE_BUSY;
        if (on_disk.reserved != nullptr && on_disk.reserved != &open) return SQLITE_BUSY;
        on_disk.pending = &open;
        if (on_disk.shared > 1) {
            open.level = std::max(open.level, SQLITE_LOCK_PENDING);
            return SQLITE_BUSY;
        }
        on_disk.exclusive = &open;
    }
    open.level = level;
    return SQLITE_OK;
}

int x_unlock(sqlite3_file* file, int level) {
    OpenFile& open = self(file);
    const std::lock_guard lock(open.disk->mutex());
    FaultDisk::File& on_disk = *open.file;
    if (open.level <= level) return SQLITE_OK;
    if (on_disk.reserved == &open) on_disk.reserved = nullptr;
    if (on_disk.pending == &open) on_disk.pending = nullptr;
    if (on_disk.exclusive == &open) on_disk.exclusive = nullptr;
    if (level == SQLITE_LOCK_NONE && open.level >= SQLITE_LOCK_SHARED) --on_disk.shared;
    open.level = level;
    return SQLITE_OK;
}

int x_check_reserved(sqlite3_file* file, int* reserved) {
    OpenFile& open = self(file);
    const std::lock_guard lock(open.disk->mutex());
    *reserved = open.file->reserved != nullptr ? 1 : 0;
    return SQLITE_OK;
}

int x_control(sqlite3_file*, int, void*) {
    return SQLITE_NOTFOUND;
}

int x_sector_size(sqlite3_file*) {
    return static_cast<int>(kSector);
}

int x_characteristics(sqlite3_file*) {
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;  // as SQLite assumes of real disks
}

int x_shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** memory) {
    OpenFile& open = self(file);
    const std::lock_guard lock(open.disk->mutex());
    FaultDisk::File& on_disk = *open.file;
    if (!std::exchange(open.mapped, true)) ++on_disk.mapped;
    *memory = nullptr;
    const auto wanted = static_cast<std::size_t>(region);
    if (wanted >= on_disk.regions.size()) {
        if (extend == 0) return SQLITE_OK;
        while (on_disk.regions.size() <= wanted) {
            on_disk.regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
        }
    }
    *memory = on_disk.regions[wanted].get();
    return SQLITE_OK;
}

int x_shm_lock(sqlite3_file* file, int offset, int count, int flags) {
    OpenFile& open = self(file);
    const std::lock_guard lock(open.disk->mutex());
    FaultDisk::File& on_disk = *open.file;
    const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    const auto bit = [](int slot) { return static_cast<std::uint16_t>(1u << slot); };
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        for (int slot = offset; slot < offset + count; ++slot) {
            if ((open.shm_exclusive & bit(slot)) != 0) {
                on_disk.slots[slot].exclusive = nullptr;
                open.shm_exclusive &= static_cast<std::uint16_t>(~bit(slot));
            } else if ((open.shm_shared & bit(slot)) != 0) {
                --on_disk.slots[slot].shared;
                open.shm_shared &= static_cast<std::uint16_t>(~bit(slot));
            }
        }
        return SQLITE_OK;
    }
    for (int slot = offset; slot < offset + count; ++slot) {
        const auto& held = on_disk.slots[slot];
        const int mine = (open.shm_shared & bit(slot)) != 0 ? 1 : 0;
        if (held.exclusive != nullptr && held.exclusive != &open) return SQLITE_BUSY;
        if (exclusive && held.shared > mine) return SQLITE_BUSY;
    }
    for (int slot = offset; slot < offset + count; ++slot) {
        if (exclusive) {
            on_disk.slots[slot].exclusive = &open;
            open.shm_exclusive |= bit(slot);
        } else if ((open.shm_shared & bit(slot)) == 0) {
            ++on_disk.slots[slot].shared;
            open.shm_shared |= bit(slot);
        }
    }
    return SQLITE_OK;
}

void x_shm_barrier(sqlite3_file* file) {
    const std::lock_guard lock(self(file).disk->mutex());
}

int x_shm_unmap(sqlite3_file* file, int) {
    OpenFile& open = self(file);
    const std::lock_guard lock(open.disk->mutex());
    if (std::exchange(open.mapped, false) && --open.file->mapped == 0) open.file->regions.clear();
    return SQLITE_OK;
}

constexpr sqlite3_io_methods kMethods = {
    2,
    x_close,
    x_read,
    x_write,
    x_truncate,
    x_sync,
    x_file_size,
    x_lock,
    x_unlock,
    x_check_reserved,
    x_control,
    x_sector_size,
    x_characteristics,
    x_shm_map,
    x_shm_lock,
    x_shm_barrier,
    x_shm_unmap,
    nullptr,
    nullptr,
};

FaultDisk& disk_of(sqlite3_vfs* vfs) {
    return *static_cast<FaultDisk*>(vfs->pAppData);
}

int v_open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
    file->pMethods = nullptr;
    if (path == nullptr) return SQLITE_CANTOPEN;
    FaultDisk& disk = disk_of(vfs);
    const std::lock_guard lock(disk.mutex());
    auto found = disk.open(path, (flags & SQLITE_OPEN_CREATE) != 0);
    if (found == nullptr) return SQLITE_CANTOPEN;
    auto* open = static_cast<OpenFile*>(file);
    open->disk = &disk;
    new (&open->file) std::shared_ptr<FaultDisk::File>(std::move(found));
    new (&open->path) std::string(path);
    open->level = SQLITE_LOCK_NONE;
    open->shm_shared = open->shm_exclusive = 0;
    open->mapped = false;
    open->pMethods = &kMethods;
    if (out_flags != nullptr) *out_flags = flags;
    return SQLITE_OK;
}

int v_delete(sqlite3_vfs* vfs, const char* path, int) {
    FaultDisk& disk = disk_of(vfs);
    const std::lock_guard lock(disk.mutex());
    return disk.remove(path);
}

int v_access(sqlite3_vfs* vfs, const char* path, int, int* result) {
    FaultDisk& disk = disk_of(vfs);
    const std::lock_guard lock(disk.mutex());
    *result = disk.exists(path) ? 1 : 0;
    return SQLITE_OK;
}

int v_full_path(sqlite3_vfs*, const char* path, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", path);
    return SQLITE_OK;
}

int v_randomness(sqlite3_vfs*, int size, char* out) {
    static std::atomic<std::uint32_t> next{1};
    for (int at = 0; at < size; ++at) out[at] = static_cast<char>(next++ * 2654435761u >> 24);
    return size;
}

int v_sleep(sqlite3_vfs*, int micros) {
    std::this_thread::yield();
    return micros;
}

int v_time(sqlite3_vfs*, sqlite3_int64* time) {
    *time = 212'900'000'000'000;
    return SQLITE_OK;
}

int v_last_error(sqlite3_vfs*, int, char*) {
    return 0;
}

void change_bytes(std::string& bytes, const FaultDisk::Change& change) {
    const auto offset = static_cast<std::size_t>(change.offset);
    if (change.truncate) {
        bytes.resize(offset);
        return;
    }
    if (bytes.size() < offset + change.bytes.size()) bytes.resize(offset + change.bytes.size());
    std::memcpy(bytes.data() + offset, change.bytes.data(), change.bytes.size());
}

}  // namespace

FaultDisk::FaultDisk() : vfs_(std::make_unique<sqlite3_vfs>()) {
    static std::atomic<int> count{0};
    name_ = "fault-disk-" + std::to_string(count++);
    *vfs_ = {};
    vfs_->iVersion = 2;
    vfs_->szOsFile = sizeof(OpenFile);
    vfs_->mxPathname = 1000;
    vfs_->zName = name_.c_str();
    vfs_->pAppData = this;
    vfs_->xOpen = v_open;
    vfs_->xDelete = v_delete;
    vfs_->xAccess = v_access;
    vfs_->xFullPathname = v_full_path;
    vfs_->xRandomness = v_randomness;
    vfs_->xSleep = v_sleep;
    vfs_->xGetLastError = v_last_error;
    vfs_->xCurrentTimeInt64 = v_time;
    sqlite3_vfs_register(vfs_.get(), 0);
}

FaultDisk::~FaultDisk() {
    sqlite3_vfs_unregister(vfs_.get());
}

void FaultDisk::arm(Fault fault, std::uint64_t at_step, unsigned times) {
    const std::lock_guard lock(mutex_);
    fault_ = fault;
    at_ = at_step;
    times_ = times;
    happened_ = false;
}

std::uint64_t FaultDisk::steps() const {
    const std::lock_guard lock(mutex_);
    return steps_;
}

bool FaultDisk::happened() const {
    const std::lock_guard lock(mutex_);
    return happened_;
}

/// True: the armed fault strikes this step.
bool FaultDisk::step(bool writing, bool syncing) {
    ++steps_;
    if (fault_ == Fault::None || steps_ < at_ || times_ == 0) return false;
    if ((fault_ == Fault::ShortWrite || fault_ == Fault::Full) && !writing) return false;
    if (fault_ == Fault::FsyncFails && !syncing) return false;
    happened_ = true;
    if (fault_ == Fault::PowerCut) {
        dead_ = true;
    } else {
        --times_;
    }
    return true;
}

std::shared_ptr<FaultDisk::File> FaultDisk::open(const std::string& path, bool create) {
    if (dead_) return nullptr;
    auto& file = files_[path];
    if (file == nullptr) {
        if (!create) {
            files_.erase(path);
            return nullptr;
        }
        file = std::make_shared<File>();
    }
    return file;
}

bool FaultDisk::exists(const std::string& path) const {
    const auto found = files_.find(path);
    return found != files_.end();
}

int FaultDisk::remove(const std::string& path) {
    if (dead_) return SQLITE_IOERR_DELETE;
    if (step(false, false)) return SQLITE_IOERR_DELETE;
    const auto found = files_.find(path);
    if (found == files_.end()) return SQLITE_IOERR_DELETE_NOENT;
    if (found->second->exists_durably) ghosts_[path] = found->second->durable;
    files_.erase(found);
    return SQLITE_OK;
}

int FaultDisk::write(
    File& file, const std::string& path, std::int64_t offset, const void* data, int size
) {
    if (dead_) return SQLITE_IOERR_WRITE;
    Change change;
    change.offset = offset;
    change.bytes.assign(static_cast<const char*>(data), static_cast<std::size_t>(size));
    int result = SQLITE_OK;
    if (step(true, false)) {
        if (fault_ != Fault::PowerCut) change.bytes.resize(change.bytes.size() / 2);
        result = fault_ == Fault::Full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    }
    if (change.bytes.empty()) return result;
    change_bytes(file.now, change);
    file.unsynced.push_back(std::move(change));
    const std::size_t suffix = path.rfind('-');
    auto& peak = peaks_[suffix == std::string::npos ? "" : path.substr(suffix)];
    peak = std::max<std::uint64_t>(peak, file.now.size());
    return result;
}

int FaultDisk::read(const File& file, std::int64_t offset, void* data, int size) const {
    if (dead_) return SQLITE_IOERR_READ;
    const auto begin = static_cast<std::size_t>(offset);
    const auto wanted = static_cast<std::size_t>(size);
    const std::size_t there =
        begin < file.now.size() ? std::min(wanted, file.now.size() - begin) : 0;
    if (there != 0) std::memcpy(data, file.now.data() + begin, there);
    if (there == wanted) return SQLITE_OK;
    std::memset(static_cast<char*>(data) + there, 0, wanted - there);
    return SQLITE_IOERR_SHORT_READ;
}

int FaultDisk::truncate(File& file, std::int64_t size) {
    if (dead_ || step(false, false)) return SQLITE_IOERR_TRUNCATE;
    Change change;
    change.truncate = true;
    change.offset = size;
    change_bytes(file.now, change);
    file.unsynced.push_back(std::move(change));
    return SQLITE_OK;
}

int FaultDisk::sync(File& file) {
    if (dead_) return SQLITE_IOERR_FSYNC;
    if (step(false, true)) {
        if (fault_ != Fault::PowerCut) {
            // Some of it reached the disk, and what did not is never written again.
            std::mt19937_64 random(steps_);
            for (const Change& change : std::exchange(file.unsynced, {})) {
                if (random() % 2 == 0) change_bytes(file.durable, change);
            }
        }
        return SQLITE_IOERR_FSYNC;
    }
    for (const Change& change : std::exchange(file.unsynced, {})) {
        change_bytes(file.durable, change);
    }
    file.exists_durably = true;
    return SQLITE_OK;
}

void FaultDisk::power_cycle(std::uint64_t seed) {
    const std::lock_guard lock(mutex_);
    std::mt19937_64 random(seed);
    for (auto& [path, bytes] : ghosts_) {
        if (files_.contains(path) || random() % 2 == 0) continue;
        auto file = std::make_shared<File>();
        file->durable = bytes;
        file->exists_durably = true;
        files_[path] = std::move(file);
    }
    ghosts_.clear();
    for (auto entry = files_.begin(); entry != files_.end();) {
        File& file = *entry->second;
        if (!file.exists_durably && random() % 2 == 0) {
            entry = files_.erase(entry);
            continue;
        }
        // What of the unsynced reached the disk: nothing, all, a beginning, or any sectors.
        const auto how = random() % 4;
        const std::size_t beginning =
            file.unsynced.empty() ? 0 : random() % (file.unsynced.size() + 1);
        std::string bytes = file.durable;
        for (std::size_t at = 0; at < file.unsynced.size(); ++at) {
            const Change& change = file.unsynced[at];
            const bool whole = how == 1 || (how == 2 && at < beginning);
            if (change.truncate) {
                if (whole || (how == 3 && random() % 2 == 0)) change_bytes(bytes, change);
                continue;
            }
            if (whole) {
                change_bytes(bytes, change);
                continue;
            }
            if (how != 3) continue;
            const auto end = change.offset + static_cast<std::int64_t>(change.bytes.size());
            for (std::int64_t begin = change.offset; begin < end;) {
                const std::int64_t next = std::min(end, (begin / kSector + 1) * kSector);
                if (random() % 2 == 0) {
                    Change part;
                    part.offset = begin;
                    part.bytes = change.bytes.substr(
                        static_cast<std::size_t>(begin - change.offset),
                        static_cast<std::size_t>(next - begin)
                    );
                    change_bytes(bytes, part);
                }
                begin = next;
            }
        }
        auto fresh = std::make_shared<File>();
        fresh->now = fresh->durable = std::move(bytes);
        fresh->exists_durably = true;
        entry->second = std::move(fresh);
        ++entry;
    }
    dead_ = false;
    fault_ = Fault::None;
}

void FaultDisk::kill() {
    const std::lock_guard lock(mutex_);
    dead_ = true;
}

void FaultDisk::revive() {
    const std::lock_guard lock(mutex_);
    for (auto& [path, file] : files_) {
        auto fresh = std::make_shared<File>();
        fresh->now = std::move(file->now);
        fresh->durable = std::move(file->durable);
        fresh->exists_durably = file->exists_durably;
        fresh->unsynced = std::move(file->unsynced);
        file = std::move(fresh);
    }
    dead_ = false;
}

void FaultDisk::directory_synced() {
    const std::lock_guard lock(mutex_);
    ghosts_.clear();
}

std::uint64_t FaultDisk::size_of(const std::string& suffix) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [path, file] : files_) {
        if (path.ends_with(suffix)) return file->now.size();
    }
    return 0;
}

std::uint64_t FaultDisk::peak_of(const std::string& suffix) const {
    const std::lock_guard lock(mutex_);
    const auto found = peaks_.find(suffix);
    return found != peaks_.end() ? found->second : 0;
}

}  // namespace graphhook::store
