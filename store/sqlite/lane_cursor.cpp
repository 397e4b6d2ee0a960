#include "store/sqlite/lane_cursor.hpp"

#include "store/sqlite/page.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace graphhook::store {
namespace {

std::size_t words(std::uint64_t count) {
    return static_cast<std::size_t>((count + 63) / 64);
}

}  // namespace

LaneCursor::LaneCursor(std::int64_t page, std::string_view done) : next_(page) {
    std::int64_t at = page;
    while (!done.empty()) {
        const auto step = take_varint(done);
        const auto count = take_varint(done);
        if (!step || !count || *count > static_cast<std::uint64_t>(kPageItems)) return;
        const std::size_t bytes = static_cast<std::size_t>((*count + 7) / 8);
        if (bytes > done.size()) return;
        at += static_cast<std::int64_t>(*step);
        std::vector<std::uint64_t> bits(words(*count));
        std::memcpy(bits.data(), done.data(), bytes);
        done.remove_prefix(bytes);
        stored_.insert_or_assign(at, std::move(bits));
    }
}

std::string LaneCursor::encode() const {
    std::string out;
    std::int64_t last = position();
    const auto put = [&](std::int64_t page, std::uint64_t count,
                         const std::vector<std::uint64_t>& bits) {
        put_varint(out, static_cast<std::uint64_t>(page - last));
        put_varint(out, count);
        const std::size_t at = out.size();
        out.resize(at + static_cast<std::size_t>((count + 7) / 8));
        std::memcpy(out.data() + at, bits.data(), out.size() - at);
        last = page;
    };
    for (const Page& page : window_) {
        if (page.left != page.count) put(page.page, page.count, page.done);
    }
    for (const auto& [page, bits] : stored_) put(page, bits.size() * 64, bits);
    return out;
}

void LaneCursor::load(std::int64_t page, std::uint32_t count, SystemTime received_at) {
    Page entry{page, count, count, received_at, std::vector<std::uint64_t>(words(count))};
    while (!stored_.empty() && stored_.begin()->first < page) stored_.erase(stored_.begin());
    if (!stored_.empty() && stored_.begin()->first == page) {
        const auto& bits = stored_.begin()->second;
        for (std::uint32_t index = 0; index < count && index / 64 < bits.size(); ++index) {
            if ((bits[index / 64] >> (index % 64) & 1) == 0) continue;
            entry.done[index / 64] |= std::uint64_t{1} << (index % 64);
            --entry.left;
        }
        stored_.erase(stored_.begin());
    }
    next_ = page + 1;
    items_ += count;
    window_.push_back(std::move(entry));
    shrink();
}

LaneCursor::Page* LaneCursor::find(std::int64_t page) {
    return const_cast<Page*>(std::as_const(*this).find(page));
}

const LaneCursor::Page* LaneCursor::find(std::int64_t page) const {
    if (!window_.empty() && window_.back().page == page) return &window_.back();
    const auto found = std::lower_bound(
        window_.begin(), window_.end(), page,
        [](const Page& entry, std::int64_t wanted) { return entry.page < wanted; }
    );
    return found != window_.end() && found->page == page ? &*found : nullptr;
}

bool LaneCursor::finish(std::int64_t page, std::uint32_t index) {
    Page* entry = find(page);
    if (entry == nullptr || entry->finished(index)) return false;
    entry->done[index / 64] |= std::uint64_t{1} << (index % 64);
    if (--entry->left == 0) shrink();
    return true;
}

bool LaneCursor::finished(std::int64_t page, std::uint32_t index) const {
    if (page < position()) return true;
    if (const Page* entry = find(page)) return entry->finished(index);
    if (page < next_) return true;
    const auto stored = stored_.find(page);
    return stored != stored_.end() && index / 64 < stored->second.size() &&
           (stored->second[index / 64] >> (index % 64) & 1) != 0;
}

void LaneCursor::jump(std::int64_t page) {
    window_.clear();
    items_ = 0;
    next_ = std::max(next_, page);
    stored_.erase(stored_.begin(), stored_.lower_bound(next_));
}

void LaneCursor::unload() {
    next_ = position();
    for (Page& page : window_) {
        if (page.left != page.count) stored_.insert_or_assign(page.page, std::move(page.done));
    }
    window_.clear();
    items_ = 0;
}

void LaneCursor::shrink() {
    while (!window_.empty() && window_.front().left == 0) {
        items_ -= window_.front().count;
        window_.pop_front();
    }
}

}  // namespace graphhook::store
