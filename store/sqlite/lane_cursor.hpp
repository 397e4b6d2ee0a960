#pragma once

#include "core/clock.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::store {

/// How far one handler is in one lane. All of the pages before `position()` is finished or has a
/// row of its own; of those after it a bitmap tells. Pure; threads: one.
class LaneCursor {
  public:
    struct Page {
        std::int64_t page = 0;
        std::uint32_t count = 0;
        std::uint32_t left = 0;
        SystemTime received_at;
        std::vector<std::uint64_t> done;  ///< A bit each.
        [[nodiscard]] bool finished(std::uint32_t index) const noexcept {
            return (done[index / 64] >> (index % 64) & 1) != 0;
        }
    };

    LaneCursor() = default;
    explicit LaneCursor(std::int64_t page) : next_(page) {}
    /// As stored. A bitmap that makes no sense is left out: handed over twice then.
    LaneCursor(std::int64_t page, std::string_view done);

    /// The first page with something unfinished.
    [[nodiscard]] std::int64_t position() const noexcept {
        return window_.empty() ? next_ : window_.front().page;
    }
    /// The first page that was not looked at yet.
    [[nodiscard]] std::int64_t next() const noexcept { return next_; }
    [[nodiscard]] const std::deque<Page>& window() const noexcept { return window_; }
    [[nodiscard]] std::uint64_t window_items() const noexcept { return items_; }

    /// Takes the next page into the window; what was stored as finished of it is.
    void load(std::int64_t page, std::uint32_t count, SystemTime received_at);
    /// True where it was not finished before. A page before the window counts as finished.
    bool finish(std::int64_t page, std::uint32_t index);
    [[nodiscard]] bool finished(std::int64_t page, std::uint32_t index) const;
    /// Everything before `page` is finished.
    void jump(std::int64_t page);
    /// Forgets what was looked at, not what is finished.
    void unload();

    /// The bitmap of what is finished after position().
    [[nodiscard]] std::string encode() const;

  private:
    Page* find(std::int64_t page);
    [[nodiscard]] const Page* find(std::int64_t page) const;
    void shrink();

    std::int64_t next_ = 1;
    std::uint64_t items_ = 0;
    std::deque<Page> window_;
    std::map<std::int64_t, std::vector<std::uint64_t>> stored_;  // of pages not loaded yet
};

}  // namespace graphhook::store
