#include "subscriptions/plan/record.hpp"

namespace graphhook::subscriptions {

ShapePtr Interner::shape(Shape shape) {
    const auto found = shapes_.find(shape);
    if (found != shapes_.end()) return found->second;
    auto kept = std::make_shared<const Shape>(shape);
    shapes_.emplace(std::move(shape), kept);
    return kept;
}

TextPtr Interner::text(const std::string& text) {
    const auto found = texts_.find(text);
    if (found != texts_.end()) return found->second;
    auto kept = std::make_shared<const std::string>(text);
    texts_.emplace(text, kept);
    return kept;
}

void pack(const store::SubscriptionRecord& from, Interner& interner, Record& into) {
    into.record = from.record;
    into.state = from.state;
    into.failures = from.failures;
    into.shape = interner.shape(
        {from.kind, from.changes, from.notification_url, from.lifecycle_url, from.sync,
         from.certificate_id}
    );
    if (into.resource == nullptr || *into.resource != from.resource)
        into.resource = std::make_shared<const std::string>(from.resource);
    into.graph_id = from.graph_id;
    into.state_hash = from.state_hash;
    into.created_at = from.created_at;
    into.expires_at = from.expires_at;
    into.touched_at = from.touched_at;
    into.attempt_at = from.attempt_at;
    into.forget_at = from.forget_at;
    if (from.client_state.empty() && from.last_error.empty()) {
        into.rare.reset();
    } else {
        into.rare =
            std::make_shared<const Record::Rare>(Record::Rare{from.client_state, from.last_error});
    }
}

store::SubscriptionRecord unpack(
    const Record& record, std::string_view tenant, std::string_view name, std::string_view element
) {
    store::SubscriptionRecord to;
    to.record = record.record;
    to.state = record.state;
    to.name = name;
    to.tenant = tenant;
    to.element = element;
    to.kind = record.shape->kind;
    to.sync = record.shape->sync;
    to.resource = *record.resource;
    to.changes = record.shape->changes;
    to.certificate_id = record.shape->certificate_id;
    to.notification_url = record.shape->notification_url;
    to.lifecycle_url = record.shape->lifecycle_url;
    to.graph_id = record.graph_id;
    to.state_hash = record.state_hash;
    to.created_at = record.created_at;
    to.expires_at = record.expires_at;
    to.touched_at = record.touched_at;
    to.attempt_at = record.attempt_at;
    to.failures = record.failures;
    to.forget_at = record.forget_at;
    if (record.rare != nullptr) {
        to.client_state = record.rare->client_state;
        to.last_error = record.rare->last_error;
    }
    return to;
}

}  // namespace graphhook::subscriptions
