#include "handlers/builtin/file_handler.hpp"

#include "handlers/envelope.hpp"

namespace graphhook::handlers {
namespace {

/// What a line has besides its item and its resource, roughly.
constexpr std::size_t kLineOverhead = 320;

}  // namespace

std::vector<Outcome> FileHandler::handle(std::span<const Delivery> batch, std::stop_token) {
    std::size_t size = 0;
    for (const auto& delivery : batch) {
        size +=
            delivery.item.size() + delivery.data.size() + delivery.resource.size() + kLineOverhead;
    }
    std::string lines;
    lines.reserve(size);
    for (const auto& delivery : batch) {
        append_envelope(lines, delivery, resource_data_);
        lines += '\n';
    }
    const std::lock_guard lock(mutex_);
    const auto appended = file_.append(lines);
    if (appended.has_error()) {
        return std::vector<Outcome>(
            batch.size(), Outcome::retry_target(to_string(appended.error()))
        );
    }
    return std::vector<Outcome>(batch.size());
}

}  // namespace graphhook::handlers
