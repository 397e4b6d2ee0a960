#include "handlers/builtin/log_handler.hpp"

#include "core/log.hpp"

namespace graphhook::handlers {
namespace {

constexpr std::size_t kMostOfItem = 16u << 10;

}  // namespace

std::vector<Outcome> LogHandler::handle(std::span<const Delivery> batch, std::stop_token) {
    for (const auto& delivery : batch) {
        logger_.info(
            "delivery id={} attempt={}{}{} source={} subscription={} tenant={} kind={} change={} "
            "resource={}{}{}",
            delivery.id, delivery.attempt, delivery.replayed ? " replayed=true" : "",
            delivery.lifecycle ? " lifecycle=true" : "", delivery.source, delivery.subscription,
            delivery.tenant, for_log(delivery.kind), for_log(delivery.change),
            for_log(delivery.resource, 1'000), options_.item ? " item=" : "",
            options_.item ? for_log(delivery.item, kMostOfItem) : std::string()
        );
    }
    return std::vector<Outcome>(batch.size());
}

}  // namespace graphhook::handlers
