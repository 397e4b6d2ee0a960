#include "subscriptions/sync/marks.hpp"

#include "core/digest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace graphhook::subscriptions {
namespace {

constexpr std::array kReadings{
    Reading::Baseline, Reading::Changes, Reading::Anew, Reading::All, Reading::Fresh
};

std::uint64_t hash_of(std::string_view text) {
    return first64(key128(text));
}

template <class Number>
bool read_number(std::string_view text, Number& number, int base) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return error == std::errc{} && end == text.data() + text.size();
}

template <class Line>
void each_line(std::string_view text, const Line& line) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

}  // namespace

Place place_of(const store::Watermark& mark) {
    if (!mark.partial) return {Reading::Changes, mark.link};
    for (const Reading reading : kReadings) {
        const std::string_view name = to_string(reading);
        if (mark.link.starts_with(name) && mark.link.size() > name.size() &&
            mark.link[name.size()] == ' ')
            return {reading, mark.link.substr(name.size() + 1)};
    }
    return {Reading::Changes, mark.link};
}

std::string link_text(const Place& place) {
    return fmt::format("{} {}", to_string(place.reading), place.link);
}

std::string numbered(std::string_view what, std::uint64_t number) {
    return fmt::format("{}:{:06}", what, number);
}

std::vector<std::string> numbered_parts(const Marks& marks, std::string_view what) {
    std::vector<std::string> parts;
    const std::string prefix = std::string(what) + ":";
    for (auto at = marks.lower_bound(prefix); at != marks.end() && at->first.starts_with(prefix);
         ++at)
        parts.push_back(at->first);
    return parts;
}

bool is_folder(std::string_view part) noexcept {
    return !part.empty() && part.front() != '~';
}

std::string hash_text(std::string_view text) {
    return fmt::format("{:016x}", hash_of(text));
}

void Seen::read(std::string_view text) {
    each_line(text, [&](std::string_view line) {
        std::uint64_t id = 0;
        Entry entry;
        if (line.size() < 35 || !read_number(line.substr(0, 16), id, 16) ||
            !read_number(line.substr(17, 16), entry.state, 16) ||
            !read_number(line.substr(34), entry.at, 10))
            return;
        entries_[id] = entry;
    });
}

void Seen::add(std::string_view id, std::string_view state, SystemTime at) {
    entries_[hash_of(id)] = {hash_of(state), at.time_since_epoch().count()};
}

bool Seen::has(std::string_view id, std::string_view state) const {
    const auto found = entries_.find(hash_of(id));
    return found != entries_.end() && found->second.state == hash_of(state);
}

std::string Seen::write(SystemTime from) const {
    std::vector<std::pair<std::uint64_t, Entry>> kept;
    for (const auto& entry : entries_) {
        if (entry.second.at >= from.time_since_epoch().count()) kept.push_back(entry);
    }
    std::ranges::sort(kept, [](const auto& a, const auto& b) {
        return std::pair(b.second.at, a.first) < std::pair(a.second.at, b.first);
    });
    if (kept.size() > kMost) kept.resize(kMost);
    std::string text;
    for (const auto& [id, entry] : kept)
        text += fmt::format("{:016x} {:016x} {}\n", id, entry.state, entry.at);
    return text;
}

void Known::read(std::string_view text) {
    each_line(text, [&](std::string_view line) {
        std::uint64_t state = 0;
        if (line.size() < 18 || !read_number(line.substr(0, 16), state, 16)) return;
        if (entries_.size() < kMost) entries_[std::string(line.substr(17))] = state;
    });
}

bool Known::add(std::string_view id, std::string_view state) {
    // A line break in an id would make it two of them: such an id is nobody's.
    if (id.find('\n') != std::string_view::npos) return true;
    const auto found = entries_.find(id);
    if (found == entries_.end() && full()) return false;
    entries_[std::string(id)] = hash_of(state);
    return true;
}

Known::Was Known::was(std::string_view id, std::string_view state) const {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return Was::Absent;
    return found->second == hash_of(state) ? Was::Same : Was::Other;
}

std::string Known::write() const {
    std::string text;
    for (const auto& [id, state] : entries_) text += fmt::format("{:016x} {}\n", state, id);
    return text;
}

std::vector<std::string> Known::without(const Known& other) const {
    std::vector<std::string> ids;
    for (const auto& [id, state] : entries_) {
        if (!other.entries_.contains(id)) ids.push_back(id);
    }
    return ids;
}

}  // namespace graphhook::subscriptions
