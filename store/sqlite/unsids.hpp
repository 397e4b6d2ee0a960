#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "store/sqlite/sql.hpp"
#include "store/sqlite/writes.hpp"
#include "store/unsid.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace graphhook::store {

/// A drop that is under way, a slice at a time.
struct UnsidDrop {
    UnsidQuery selection;
    std::uint64_t count = 0;  ///< Dropped so far.
    // Unsids::drop()'s own
    bool begun = false;
    std::int64_t after = 0, last = 0;
};

/// Where users' notifications are to be sent. The rows are in the file alone; memory knows how many
/// there are. Threads: the writer's; may throw SqlError.
class Unsids {
  public:
    Unsids(Connection& connection, Writes& writes);

    /// Where its user would have too many: what has expired gives way, then what was handed in
    /// longest ago, never this one. Errc::BadInput: tenant, user, UNSID or platform is empty.
    Result<UnsidPut> put(Unsid unsid, SystemTime now);
    /// One slice; true when it was the last. What is put after the first slice stays.
    /// Errc::BadInput: tenant, user and UNSID are all empty.
    Result<bool> drop(UnsidDrop& drop);
    /// What has expired goes, some at a time.
    void tidy(SystemTime now);

    /// How many have not expired, by platform.
    [[nodiscard]] std::map<std::string, std::uint64_t> live(SystemTime now);

  private:
    struct Row {
        std::int64_t number = 0;
        std::string platform;
    };
    static std::vector<Row> rows(Query& query);
    void erase(const Row& row);

    Connection& connection_;
    Writes& writes_;
    Statement find_, put_, delete_, too_many_, expired_, count_expired_;
    std::map<std::string, std::uint64_t> stored_;  ///< By platform, expired ones included.
    std::int64_t next_;                            ///< Number to be given.
};

/// Answers an UnsidQuery, step by step.
class UnsidListing {
  public:
    explicit UnsidListing(UnsidQuery query);
    /// True when it is over.
    bool step(Connection& connection, std::vector<Unsid>& found);

  private:
    UnsidQuery query_;
    std::int64_t before_time_ = INT64_MAX, before_number_ = INT64_MAX;
};

/// As Unsids::live(), from the file.
[[nodiscard]] std::map<std::string, std::uint64_t> count_live_unsids(
    Connection& connection, SystemTime now
);

}  // namespace graphhook::store
