#include "authenticity/key_set_metrics.hpp"

#include "authenticity/issuers.hpp"

namespace graphhook::authenticity {
namespace {

prometheus::Labels labels_of(std::string_view login, Version version) {
    // The host, with its port where it has one.
    std::string host = origin_of(login).value_or("");
    if (const auto scheme = host.find("://"); scheme != std::string::npos)
        host.erase(0, scheme + 3);
    return {{"authority_host", host}, {"version", version == Version::V1 ? "1" : "2"}};
}

}  // namespace

KeySetMetrics::KeySetMetrics(prometheus::Registry& registry)
    : fetches_(prometheus::BuildCounter()
                   .Name("graphhook_key_set_fetches_total")
                   .Help("Fetches of the keys that sign validation tokens, by outcome.")
                   .Register(registry)),
      fetched_at_(prometheus::BuildGauge()
                      .Name("graphhook_key_set_fetched_timestamp_seconds")
                      .Help("When the key set at hand was fetched; after seven days it proves "
                            "nothing.")
                      .Register(registry)),
      clock_ahead_(prometheus::BuildGauge()
                       .Name("graphhook_clock_ahead_seconds")
                       .Help("How much our clock is ahead of the identity platform's.")
                       .Register(registry)
                       .Add({})) {
    for (const auto* const outcome : {"ok", "unreachable", "refused", "garbled"})
        fetches_.Add({{"outcome", outcome}});
}

void KeySetMetrics::fetch(std::string_view outcome) {
    fetches_.Add({{"outcome", std::string(outcome)}}).Increment();
}

void KeySetMetrics::set_fetched(std::string_view login, Version version, SystemTime at) {
    fetched_at_.Add(labels_of(login, version))
        .Set(std::chrono::duration<double>(at.time_since_epoch()).count());
}

void KeySetMetrics::set_clock_ahead(std::chrono::seconds ahead) {
    clock_ahead_.Set(static_cast<double>(ahead.count()));
}

void KeySetMetrics::forget(std::string_view login, Version version) {
    fetched_at_.Remove(&fetched_at_.Add(labels_of(login, version)));
}

}  // namespace graphhook::authenticity
