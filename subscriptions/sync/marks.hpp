#pragma once

#include "core/clock.hpp"
#include "store/sync.hpp"
#include "subscriptions/sync/finding.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace graphhook::subscriptions {

// How a round's memory is written into watermarks. Parts that begin with '~' are ours, any other is
// a folder's id, "" the only part there is.
//
//   ~round    a round is under way: began at `taken_at`, because of `link`
//   ~folders  where the delta query over the folders goes on; ~first: that of the default folder
//   ~window   the window of a calendar: "begin end"
//   ~how      "compare": Graph refused to be asked by time
//   ~oid, …   what was looked up
//   ~seen     what the last rounds saw within the overlap; ~seen:N what page N of this one saw
//   ~known    a list as it was; ~list:N what page N of this round's list holds
//   ~gone:N   removed from a folder in this round; ~live:N: there, in any folder

inline constexpr std::string_view kRound = "~round";
inline constexpr std::string_view kFolders = "~folders";
inline constexpr std::string_view kFirstFolder = "~first";
inline constexpr std::string_view kWindow = "~window";
inline constexpr std::string_view kHow = "~how";
inline constexpr std::string_view kSeen = "~seen";
inline constexpr std::string_view kKnown = "~known";
inline constexpr std::string_view kList = "~list";
inline constexpr std::string_view kGone = "~gone";
inline constexpr std::string_view kLive = "~live";

/// Where a part goes on.
struct Place {
    Reading reading = Reading::Changes;
    std::string link;
};
/// A deltaLink stands as Graph wrote it; the link of a part that is not over has its reading before
/// it.
[[nodiscard]] Place place_of(const store::Watermark& mark);
[[nodiscard]] std::string link_text(const Place& place);

/// The watermarks of one target while a round runs.
using Marks = std::map<std::string, store::Watermark, std::less<>>;
/// "~live:000017"
[[nodiscard]] std::string numbered(std::string_view what, std::uint64_t number);
/// The parts of that kind, in order.
[[nodiscard]] std::vector<std::string> numbered_parts(const Marks& marks, std::string_view what);
[[nodiscard]] bool is_folder(std::string_view part) noexcept;

/// What was seen within the overlap of two rounds, bounded: beyond that the oldest are forgotten,
/// so they are handed over once more. 24 bytes an object.
class Seen {
  public:
    static constexpr std::size_t kMost = 20'000;
    /// Adds what `write` made; lines that cannot be read are passed over.
    void read(std::string_view text);
    /// `state` of an object, and the time that lists are asked by.
    void add(std::string_view id, std::string_view state, SystemTime at);
    [[nodiscard]] bool has(std::string_view id, std::string_view state) const;
    /// Those of `from` or later, and of these the newest.
    [[nodiscard]] std::string write(SystemTime from) const;

  private:
    struct Entry {
        std::uint64_t state = 0;
        std::int64_t at = 0;
    };
    std::unordered_map<std::uint64_t, Entry> entries_;
};

/// A whole list as it was: the id and a hash of the state of each object, bounded.
class Known {
  public:
    static constexpr std::size_t kMost = 20'000;
    void read(std::string_view text);
    /// False: there is no room for more.
    bool add(std::string_view id, std::string_view state);
    enum class Was : std::uint8_t { Absent, Same, Other };
    [[nodiscard]] Was was(std::string_view id, std::string_view state) const;
    [[nodiscard]] std::string write() const;
    [[nodiscard]] bool full() const noexcept { return entries_.size() >= kMost; }
    /// Ids that are here and not in `other`.
    [[nodiscard]] std::vector<std::string> without(const Known& other) const;

  private:
    std::map<std::string, std::uint64_t, std::less<>> entries_;
};

/// 16 lower-case hex digits.
[[nodiscard]] std::string hash_text(std::string_view text);

}  // namespace graphhook::subscriptions
