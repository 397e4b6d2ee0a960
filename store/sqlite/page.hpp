#pragma once

#include "core/digest.hpp"
#include "store/notification.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graphhook::store {

// Notifications lie in pages: one page for what a commit appended to a lane. A page is two blobs:
// `heads`, all that start-up and the search for work read, and `data`, what is handed over. See
// docs/store.md for the bytes.

/// The most notifications, and bytes of them, in one page (one notification always fits).
inline constexpr std::int64_t kPageItems = 4096;
inline constexpr std::size_t kPageBytes = 1u << 20;

constexpr std::int64_t page_of(std::int64_t id) noexcept {
    return id / kPageItems;
}
constexpr std::uint32_t index_of(std::int64_t id) noexcept {
    return static_cast<std::uint32_t>(id % kPageItems);
}
constexpr std::int64_t id_of(std::int64_t page, std::uint32_t index) noexcept {
    return page * kPageItems + index;
}

/// What `heads` says of one notification.
struct Head {
    std::uint32_t stream = 0;
    std::uint64_t order_key = 0;
    std::optional<Key128> identity;
    std::uint32_t offset = 0;  ///< Into data.
    std::uint32_t size = 0;
    std::chrono::microseconds late{};  ///< Received this long after the page's time.
    bool rich = false;                 ///< Its content names a proof.
};
/// What `late` can hold; what came later still needs another page.
inline constexpr std::chrono::microseconds kLatest{(1 << 24) - 1};

/// Fills one page.
class PageWriter {
  public:
    [[nodiscard]] bool takes(const Item& item) const noexcept;
    /// Its index. `proof`: the number of its tokens; 0: it is a basic one.
    std::uint32_t add(
        const Item& item, std::uint32_t stream, std::chrono::microseconds late,
        std::int64_t proof = 0
    );
    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    /// Adds the checksums; nothing may be added afterwards.
    void seal(std::int64_t page);
    /// Sealed ones.
    [[nodiscard]] const std::string& heads() const noexcept { return heads_; }
    [[nodiscard]] const std::string& data() const noexcept { return data_; }
    [[nodiscard]] std::string take_heads() && { return std::move(heads_); }
    [[nodiscard]] std::string take_data() && { return std::move(data_); }

  private:
    std::string heads_ = std::string(8, '\0');
    std::string data_ = std::string(8, '\0');
    std::string versions_;
    std::uint32_t count_ = 0;
};

/// Of checksum and length: false where they are not what was written.
[[nodiscard]] bool heads_sound(std::string_view heads, std::int64_t page, std::uint32_t count);
[[nodiscard]] bool data_sound(std::string_view data, std::int64_t page);
/// `index` below the count of sound heads.
[[nodiscard]] Head read_head(std::string_view heads, std::uint32_t index);
/// Of sound heads of `count` notifications: the versions of those that have one, in their order.
[[nodiscard]] std::vector<Key128> read_versions(std::string_view heads, std::uint32_t count);

struct Content {
    std::string_view subscription_id, resource, body;
    std::int64_t proof = 0;     ///< Of a rich one.
    std::uint32_t version = 0;  ///< Of a rich one: which of the page's versions, from 1; 0: none.
};
/// Nothing where the lengths do not fit `data`.
[[nodiscard]] std::optional<Content> read_content(std::string_view data, const Head& head);

[[nodiscard]] std::uint64_t checksum64(std::string_view bytes, std::uint64_t seed) noexcept;

/// Numbers in cursors: seven bits a byte, the lowest first.
void put_varint(std::string& out, std::uint64_t value);
/// Nothing at the end of `in` or where it is malformed.
[[nodiscard]] std::optional<std::uint64_t> take_varint(std::string_view& in);

}  // namespace graphhook::store
