#include "emulator/stats.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace graphhook::emulator {

void TimeHistogram::add(std::chrono::microseconds time) noexcept {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)) + 8;
    const auto power =
        static_cast<std::size_t>(std::bit_width(value)) - 4;  // value >= 8: at least 0
    const auto eighth = static_cast<std::size_t>(value >> power) - 8;
    ++classes_[std::min(power * 8 + eighth, kClasses - 1)];
    ++count_;
}

std::chrono::microseconds TimeHistogram::quantile(double q) const noexcept {
    if (count_ == 0) return {};
    const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kClasses; ++i) {
        seen += classes_[i];
        if (seen >= std::max<std::uint64_t>(wanted, 1)) {
            const auto power = i / 8;
            const auto upper = ((8 + i % 8 + 1) << power) - 1;
            return std::chrono::microseconds(static_cast<std::int64_t>(upper) - 8);
        }
    }
    return {};
}

boost::json::object Stats::to_json() const {
    boost::json::object json;
    json["changesMade"] = changes_made;
    json["itemsMade"] = items_made;
    json["lifecycleMade"] = lifecycle_made;
    json["postsSent"] = posts_sent;
    json["itemsPosted"] = items_posted;
    json["postsAccepted"] = posts_accepted;
    json["itemsAccepted"] = items_accepted;
    json["postsRefused"] = posts_refused;
    json["postsTimedOut"] = posts_timed_out;
    json["postsUnreachable"] = posts_unreachable;
    json["postsRetried"] = posts_retried;
    json["postsRepeated"] = posts_repeated;
    json["itemsFailed"] = items_failed;
    json["itemsDropped"] = items_dropped;
    json["itemsLost"] = items_lost;
    json["itemsForged"] = items_forged;
    json["richGenuine"] = rich_genuine;
    json["richForged"] = rich_forged;
    json["richGenuineAccepted"] = rich_genuine_accepted;
    json["richForgedAccepted"] = rich_forged_accepted;
    json["keySetRequests"] = key_set_requests;
    json["foreignKeyRequests"] = foreign_key_requests;
    json["handshakes"] = handshakes;
    json["handshakesFailed"] = handshakes_failed;
    json["tokensIssued"] = tokens_issued;
    json["tokensRefused"] = tokens_refused;
    json["apiRequests"] = api_requests;
    json["faultsStruck"] = faults_struck;
    json["replyTimeP50Microseconds"] = reply_time.quantile(0.50).count();
    json["replyTimeP99Microseconds"] = reply_time.quantile(0.99).count();
    return json;
}

}  // namespace graphhook::emulator
