#include "subscriptions/plan/renewal.hpp"

#include "core/digest.hpp"

#include <algorithm>
#include <array>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// protocol: lives as granted, when to renew at the latest, and how far apart to try again.
struct Row {
    milliseconds life;
    milliseconds renew_before;
    milliseconds retry;
};
constexpr auto kRows = std::to_array<Row>({
    {60min, 20min, 1min},
    {6h, 2h, 5min},
    {24h, 8h, 10min},
    {72h, 24h, 30min},
    {7 * 24h, 48h, 1h},
    {60 * 24h, 5 * 24h, 3h},
});

const Row& row_for(milliseconds life) {
    for (const Row& row : kRows) {
        if (life <= row.life) return row;
    }
    return kRows.back();
}

/// In [-1, 1), the same for the same name.
double spread(std::string_view name) {
    return static_cast<double>(first64(sha256(name)) % 20'000) / 10'000.0 - 1.0;
}

milliseconds scaled(milliseconds time, double factor) {
    return milliseconds(static_cast<std::int64_t>(static_cast<double>(time.count()) * factor));
}

milliseconds doubled(milliseconds first, std::uint32_t failures, milliseconds most) {
    const std::uint32_t times = std::min<std::uint32_t>(failures == 0 ? 0 : failures - 1, 20);
    return std::min(first * (std::int64_t{1} << times), most);
}

}  // namespace

milliseconds renew_before(milliseconds life, std::string_view name) {
    const milliseconds third = std::max(life, 0ms) / 3;
    return scaled(std::min(third, row_for(life).renew_before), 1.0 + 0.1 * spread(name));
}

milliseconds retry_after_failure(milliseconds life, std::uint32_t failures, std::string_view name) {
    return scaled(doubled(30s, failures, row_for(life).retry), 1.0 + 0.1 * spread(name));
}

milliseconds retry_after_handshake(std::uint32_t failures) {
    return failures <= 12 ? doubled(5s, failures, 1min) : milliseconds(5min);
}

milliseconds retry_after_refusal(std::uint32_t failures, std::string_view name) {
    return scaled(doubled(1min, failures, 1h), 1.0 + 0.1 * spread(name));
}

milliseconds tenant_back_off(std::uint32_t failures, double dice) {
    return scaled(doubled(1s, failures, 60s), 0.5 + 0.5 * dice);
}

}  // namespace graphhook::subscriptions
