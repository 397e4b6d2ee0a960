#pragma once

#include "app/config/config.hpp"
#include "app/doctor/finding.hpp"
#include "core/clock.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace graphhook::app::doctor {

/// What can be told of the service itself: from the running `serve`, or from the store.
struct ServiceFacts {
    bool running = false;
    std::string trouble;  ///< `serve` runs and did not answer, or the store can not be opened.
    std::string holder;   ///< Nobody answers, and a process holds the store: "pid 12 on host".
    bool store_there = true;
    bool store_writable = true;
    /// As in `GET /api/v1/status`: "free_bytes", "refusing", "handlers".
    std::optional<boost::json::object> store;
    boost::json::array tenants;  ///< "name", "last_error".
    boost::json::array failing;  ///< Rows of subscriptions with a last error.
    boost::json::array sweeps;   ///< Rows of sweeps with a last error.
    boost::json::array templates;
    boost::json::array unproved;  ///< "reason", "detail", "since": for what rich items wait.
    /// Live subscriptions by the certificate that they have.
    std::map<std::string, std::size_t> certificates;
};

/// Asks `serve`, else reads the store. Blocks.
[[nodiscard]] ServiceFacts gather_service(const Config& config);

// Pure.
[[nodiscard]] Findings judge_store(const ServiceFacts& facts, const Config& config);
[[nodiscard]] Findings judge_handlers(const ServiceFacts& facts);
/// What is the matter with subscriptions, sweeps and templates, one line for each cause.
[[nodiscard]] Findings judge_subscriptions(const ServiceFacts& facts);

}  // namespace graphhook::app::doctor
