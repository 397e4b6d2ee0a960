#pragma once

#include "handlers/handler.hpp"
#include "store/notification.hpp"
#include "subscriptions/plan/lifecycle.hpp"

#include <functional>

namespace graphhook::app {

/// Where lifecycle notifications end: a handler that tells the subscriptions. It has a lane of its
/// own, so they are never behind a backlog of changes.
class LifecycleLane final : public handlers::Handler {
  public:
    static constexpr const char* kName = "lifecycle";
    using Take = std::function<void(const subscriptions::LifecycleEvent&)>;

    explicit LifecycleLane(Take take) : take_(std::move(take)) {}

    [[nodiscard]] std::size_t batch_limit() const override { return 64; }
    [[nodiscard]] std::vector<handlers::Outcome> handle(
        std::span<const handlers::Delivery> batch, std::stop_token stop
    ) override;

    [[nodiscard]] static bool accepts(const store::Stream& stream) {
        return stream.lane == store::Lane::Lifecycle;
    }

  private:
    Take take_;
};

}  // namespace graphhook::app
