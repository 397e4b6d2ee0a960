#pragma once

#include "store/notification.hpp"
#include "store/sqlite/sql.hpp"
#include "store/sqlite/writes.hpp"

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace graphhook::store {

/// Each stream, its number first, in the order of those.
inline constexpr std::string_view kReadStreams =
    "SELECT id, lane, tenant, subscription, kind, change, source FROM stream ORDER BY id";
/// Of a row of it.
[[nodiscard]] Stream read_stream(const Query& query);

/// Streams by number. Few exist, and none is ever removed. Threads: one.
class Streams {
  public:
    Streams(Connection& connection, Writes& writes);

    struct Interned {
        std::uint32_t number;
        bool fresh;
    };
    /// Its number; a new one is written with the round's transaction.
    Interned intern(const StreamPtr& stream);
    [[nodiscard]] const StreamPtr& at(std::uint32_t number) const { return streams_.at(number); }
    /// Numbers are below this; number 0 is nobody's.
    [[nodiscard]] std::uint32_t end() const noexcept {
        return static_cast<std::uint32_t>(streams_.size());
    }

  private:
    struct Hash {
        std::size_t operator()(const StreamPtr& stream) const noexcept;
    };
    struct Same {
        bool operator()(const StreamPtr& a, const StreamPtr& b) const noexcept { return *a == *b; }
    };
    Writes& writes_;
    Statement insert_;
    std::vector<StreamPtr> streams_;
    std::unordered_map<StreamPtr, std::uint32_t, Hash, Same> by_content_;
    std::unordered_map<const Stream*, std::pair<StreamPtr, std::uint32_t>> by_pointer_;
};

}  // namespace graphhook::store
