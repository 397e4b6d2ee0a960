#include "subscriptions/plan/entry.hpp"

#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/plan.hpp"
#include "subscriptions/sync/way.hpp"

namespace graphhook::subscriptions {
namespace {

Entry entry_of(const WantedSubscription& wanted) {
    Entry entry;
    entry.name = std::make_shared<const std::string>(wanted.name);
    entry.resource = std::make_shared<const std::string>(wanted.resource);
    entry.kind = kind_of(wanted);
    entry.changes = changes_of(wanted);
    entry.life = life_of(wanted);
    entry.is_template = wanted.is_template();
    entry.polled = wanted.way == WantedSubscription::Way::Poll;
    entry.beta = wanted.beta;
    const Kind* kind = kind_named(entry.kind);
    entry.immutable_ids = wanted.immutable_ids && kind != nullptr && kind->outlook;
    entry.resource_data = wanted.resource_data;
    entry.query_options = wanted.query_options;
    if (!wanted.client_state.empty()) entry.taken_over = sha256(wanted.client_state.reveal());
    return entry;
}

}  // namespace

bool Entry::same(const Entry& other) const {
    return *name == *other.name && *resource == *other.resource && kind == other.kind &&
           changes == other.changes && life == other.life && sync == other.sync &&
           is_template == other.is_template && polled == other.polled && swept == other.swept &&
           beta == other.beta && immutable_ids == other.immutable_ids &&
           resource_data == other.resource_data && query_options == other.query_options &&
           taken_over == other.taken_over;
}

EntryPtr make_entry(const WantedSubscription& wanted) {
    Entry entry = entry_of(wanted);
    entry.swept = wanted.sync || entry.polled;
    if (wanted.sync) {
        // Drives and lists only say that something changed: what it was, a sweep finds.
        entry.sync = only_signals(entry.kind) ? store::Sync::Signal : store::Sync::Versions;
    }
    return std::make_shared<const Entry>(std::move(entry));
}

EntryPtr make_collection_entry(const WantedSubscription& watch) {
    Entry entry = entry_of(watch);
    entry.is_template = false;
    entry.polled = false;
    entry.taken_over.reset();
    entry.sync = store::Sync::Signal;
    return std::make_shared<const Entry>(std::move(entry));
}

}  // namespace graphhook::subscriptions
