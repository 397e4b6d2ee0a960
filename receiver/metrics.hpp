#pragma once

#include "core/clock.hpp"
#include "receiver/judge.hpp"
#include "receiver/net_thread.hpp"
#include "receiver/reply_window.hpp"
#include "receiver/request.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <string_view>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace graphhook::receiver {

/// Where a request went. The names are values of the label `path`.
enum class Endpoint : std::uint8_t {
    Other,
    Notifications,
    Lifecycle,
    Livez,
    Readyz,
    Healthz,
    Unsids,
};
inline constexpr std::size_t kEndpoints = 7;

/// What became of a request of a client app about an UNSID. The names are values of the label
/// `outcome`. A wrong method is none of them.
enum class UnsidOutcome : std::uint8_t {
    Registered,
    Renewed,
    Withdrawn,
    BadRequest,  ///< 400, 413, 415
    Unauthorized,
    Forbidden,
    Unavailable,  ///< 503
};
inline constexpr std::size_t kUnsidOutcomes = 7;

/// This room's metrics; names and help texts are in metrics.cpp and docs/receiver.md. Threads: any.
class Metrics final : public ConnectionWatch {
  public:
    explicit Metrics(prometheus::Registry& registry, ReplyThresholds thresholds = {});
    ~Metrics() override;

    void opened() override;
    void closed() override;
    void dropped(Dropped reason) override;

    void replied(Endpoint endpoint, unsigned status, SteadyTime now, std::chrono::nanoseconds took);
    void bad_request(BadRequest bad);
    void item_refused(Refusal refusal);
    void empty_delivery();
    void handshake(bool answered);
    /// A body whose first item is of a subscription that we know, and that had to be refused.
    void refused_known(unsigned status);
    void certificate(SystemTime expires_at);
    void certificate_reload(bool taken);
    /// There is an endpoint for UNSIDs: its outcomes are shown, from 0 on. Before any of the next.
    void serves_unsids();
    void unsid_request(UnsidOutcome outcome);

    /// Look these up once and keep them: they live as long as the registry. `change` becomes
    /// "other" where it is no word of Graph's, so that no stranger makes series.
    [[nodiscard]] prometheus::Counter& received(
        std::string_view tenant, std::string_view kind, std::string_view change
    );
    [[nodiscard]] prometheus::Histogram& arrival_lag(std::string_view kind);

    /// Brings up to date what is computed over a window; before each scrape.
    void refresh(SteadyTime now);

  private:
    struct Families;
    static constexpr std::size_t kStatuses = 14;
    std::unique_ptr<Families> families_;
    ReplyWindow window_;
    std::array<std::array<std::atomic<prometheus::Counter*>, kStatuses>, kEndpoints> requests_{};
    prometheus::Histogram* duration_;
    prometheus::Gauge* connections_;
    std::array<prometheus::Counter*, kDroppedReasons> dropped_{};
    std::array<prometheus::Counter*, kBadRequests> bad_requests_{};
    std::array<prometheus::Counter*, kRefusals> refusals_{};
    std::array<prometheus::Counter*, kUnsidOutcomes> unsids_{};
};

}  // namespace graphhook::receiver
