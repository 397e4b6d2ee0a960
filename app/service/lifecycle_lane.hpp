#pragma once

#include "core/error.hpp"
#include "handlers/handler.hpp"
#include "store/notification.hpp"
#include "subscriptions/plan/lifecycle.hpp"

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace graphhook::app {

/// Where lifecycle notifications and signals end: a handler that tells the subscriptions. It has a
/// lane of its own, so they are never behind a backlog of changes.
///
/// What it tells is done once the subscriptions have made durable what follows from it. Their error
/// is no fault of the item: it is told again; but Errc::NotFound says that nobody looks at that any
/// more. Several signals (see store::is_signal) of one subscription in a batch are told once.
class LifecycleLane final : public handlers::Handler {
  public:
    static constexpr const char* kName = "lifecycle";
    using Take = std::function<Result<std::monostate>(const subscriptions::LifecycleEvent&)>;

    /// Configured name, and Graph's id of its subscription.
    using Signal =
        std::function<Result<std::monostate>(const std::string& name, const std::string& graph_id)>;

    LifecycleLane(Take take, Signal signal) : take_(std::move(take)), signal_(std::move(signal)) {}

    [[nodiscard]] std::size_t batch_limit() const override { return 64; }
    [[nodiscard]] std::vector<handlers::Outcome> handle(
        std::span<const handlers::Delivery> batch, std::stop_token stop
    ) override;

    [[nodiscard]] static bool accepts(const store::Stream& stream) {
        return stream.lane == store::Lane::Lifecycle;
    }

  private:
    Take take_;
    Signal signal_;
};

}  // namespace graphhook::app
