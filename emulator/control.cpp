#include "emulator/control.hpp"

#include "core/log.hpp"
#include "core/time_text.hpp"
#include "emulator/control_call.hpp"
#include "emulator/data/populate.hpp"
#include "emulator/identity/identity_control.hpp"
#include "emulator/rich/forgery.hpp"
#include "emulator/url.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace graphhook::emulator {
namespace {

constexpr std::uint64_t kMostInPage = 10'000;

bool flag(const boost::json::object& json, std::string_view name) {
    const auto* value = json.if_contains(name);
    return value != nullptr && value->is_bool() && value->as_bool();
}

std::string text(const boost::json::object& json, std::string_view name) {
    const auto* value = json.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string{};
}

boost::json::object forgeries() {
    boost::json::array list;
    for (const ForgeryKind& kind : forgery_kinds()) {
        list.push_back(boost::json::object{
            {"name", kind.name},
            {"scope", to_string(kind.scope)},
            {"verdict", to_string(kind.verdict)},
            {"sent", kind.sent},
        });
    }
    return {{"forgeries", std::move(list)}};
}

}  // namespace

Response Control::handle(const Request& request) {
    const auto path = request.path();
    const bool get = request.method == "GET";
    if (path == "/") {
        return ok(
            {{"name", "graph-emulator"},
             {"version", GRAPHHOOK_VERSION},
             {"control", "/emulator/status"}}
        );
    }
    if (get && path == "/emulator/status") return status();
    if (get && path == "/emulator/subscriptions") return subscriptions(request);
    if (get && path == "/emulator/changes") return ledger(request);
    if (get && path == "/emulator/keys") return ok(it_.identity.keys().to_json());
    if (get && path == "/emulator/forgeries") return ok(forgeries());
    if (get && path == "/emulator/foreign-keys") {
        ++it_.stats.foreign_key_requests;
        return ok(it_.identity.validation_tokens().foreign_key_set());
    }
    if (get && path == "/emulator/faults") return ok({{"faults", faults()}});
    if (request.method != "POST" && is_identity_control(path))
        return identity_control(it_.identity, request, {});
    constexpr std::string_view kJobs = "/emulator/jobs/";
    if (get && path.starts_with(kJobs)) {
        const auto id = path.substr(kJobs.size());
        std::uint64_t number = 0;
        std::from_chars(id.data(), id.data() + id.size(), number);
        const auto job = it_.changes.find(number);
        return job ? ok(job->to_json())
                   : refuse(404, "notFound", "there is no such job, or no longer");
    }
    constexpr std::string_view kSubscriptions = "/emulator/subscriptions/";
    if (request.method == "DELETE" && path.starts_with(kSubscriptions))
        return forget(path.substr(kSubscriptions.size()));
    if (request.method == "DELETE" && path == "/emulator/faults") {
        it_.faults.clear();
        it_.identity.faults().clear();
        log().info("faults cleared");
        return ok({{"faults", boost::json::array{}}});
    }
    if (request.method != "POST") return refuse(404, "notFound", "there is no such control");
    // A page in a browser cannot send this type to us unasked.
    if (!request.header("content-type").starts_with("application/json")) {
        return refuse(415, "badInput", "Content-Type must be application/json");
    }
    boost::system::error_code error;
    const auto body = boost::json::parse(request.body.empty() ? "{}" : request.body, error);
    if (error || !body.is_object())
        return refuse(400, "badInput", "the body must be a JSON object");
    if (is_identity_control(path)) return identity_control(it_.identity, request, body.as_object());
    if (path == "/emulator/changes") return change(body.as_object());
    if (path == "/emulator/data") return fill(body.as_object());
    if (path == "/emulator/users") return mark(body.as_object());
    if (path == "/emulator/lifecycle") return lifecycle(body.as_object());
    if (path == "/emulator/faults") return set_fault(body.as_object());
    if (path == "/emulator/keys") return keys(body.as_object());
    if (path == "/emulator/token-clock") return set_clock(body.as_object());
    if (path == "/emulator/reset") return reset(body.as_object());
    return refuse(404, "notFound", "there is no such control");
}

Response Control::status() const {
    auto json = it_.stats.to_json();
    json["subscriptions"] = it_.registry.size();
    json["itemsWaiting"] = it_.outbox.waiting();
    json["ledgerEntries"] = it_.ledger.size();
    json["faults"] = faults();
    json["tokenRequests"] = it_.identity.counts().to_json();
    json["quotas"] = it_.quotas.to_json();
    json["userNotifications"] = it_.user_notifications.to_json();
    json["endpoints"] = it_.outbox.to_json(it_.clock.steady_now());
    return ok(json);
}

Response Control::subscriptions(const Request& request) const {
    const auto after = query_number(request, "after", 0);
    const auto limit =
        std::clamp<std::uint64_t>(query_number(request, "limit", 1'000), 1, kMostInPage);
    boost::json::array list;
    boost::json::object json;
    for (auto entry = it_.registry.all().upper_bound(after); entry != it_.registry.all().end();
         ++entry) {
        if (list.size() == limit) {
            json["next"] = std::prev(entry)->first;
            break;
        }
        const Subscription& subscription = *entry->second;
        // Never the client state: it is a secret between Graph and its subscriber.
        boost::json::object one;
        one["id"] = subscription.id;
        one["kind"] = subscription.resource.kind->name;
        one["resource"] = subscription.resource_text;
        one["changeType"] = subscription.change_type;
        one["tenantId"] = subscription.tenant;
        one["applicationId"] = subscription.app;
        one["notificationUrl"] = subscription.notification_url;
        one["lifecycleNotificationUrl"] = nullptr;
        if (!subscription.lifecycle_url.empty())
            one["lifecycleNotificationUrl"] = subscription.lifecycle_url;
        one["expirationDateTime"] = to_text(subscription.expires);
        one["paused"] = subscription.paused;
        one["includeResourceData"] = subscription.rich;
        if (subscription.rich) {
            one["encryptionCertificateId"] = subscription.certificate_id;
            one["encryptionCertificateThumbprint"] = subscription.certificate->thumbprint();
        }
        list.push_back(std::move(one));
    }
    json["subscriptions"] = std::move(list);
    return ok(json);
}

Response Control::ledger(const Request& request) const {
    const auto limit =
        std::clamp<std::uint64_t>(query_number(request, "limit", 1'000), 1, kMostInPage);
    const bool plaintext = query_number(request, "plaintext", 0) != 0;
    return ok(it_.ledger.page(query_number(request, "after", 0), limit, plaintext));
}

Response Control::change(const boost::json::object& body) {
    auto wanted = read_change_request(body);
    if (!wanted) return refuse(wanted.error());
    const auto job = it_.changes.start(std::move(*wanted));
    if (!job) return refuse(job.error());
    it_.pump();
    return ok((*job)->to_json(), 202);
}

Response Control::fill(const boost::json::object& body) {
    const auto filled = populate(it_.world, body);
    if (!filled) return refuse(filled.error());
    log().info("data made tenant={}", for_log(text(body, "tenant")));
    return ok(*filled);
}

Response Control::mark(const boost::json::object& body) {
    const auto marked =
        mark_user(it_.world, text(body, "tenant"), text(body, "user"), text(body, "refuse"));
    if (!marked) return refuse(marked.error());
    return ok({{"user", text(body, "user")}, {"refuse", text(body, "refuse")}});
}

Response Control::lifecycle(const boost::json::object& body) {
    const auto event = parse_lifecycle_event(text(body, "event"));
    if (!event) {
        return refuse(
            400, "badInput", "event must be missed, subscriptionRemoved or reauthorizationRequired"
        );
    }
    const auto id = text(body, "subscription");
    const bool all = flag(body, "all");
    if (id.empty() != all)
        return refuse(400, "badInput", "say either a subscription or \"all\": true");
    std::vector<SubscriptionPtr> chosen;
    if (all) {
        for (const auto& [sequence, subscription] : it_.registry.all())
            chosen.push_back(subscription);
    } else if (const auto found = it_.registry.find(id)) {
        chosen.push_back(found);
    } else {
        return refuse(404, "notFound", "there is no such subscription");
    }
    std::vector<Item> items;
    std::uint64_t without_url = 0;
    for (const auto& subscription : chosen) {
        const auto supported = subscription->resource.kind->lifecycle;
        const bool sends =
            *event == LifecycleEvent::ReauthorizationRequired ||
            supported == Lifecycle::RemovedAndMissed ||
            (*event == LifecycleEvent::SubscriptionRemoved && supported == Lifecycle::Removed) ||
            flag(body, "force");
        if (subscription->lifecycle_url.empty() || !sends) {
            ++without_url;
            continue;
        }
        items.push_back(Item{subscription, {}, event, nullptr});
    }
    const auto sent = items.size();
    if (sent == 0) {
        return refuse(
            404, "notFound",
            "no subscription chosen has a lifecycle URL and a kind that sends this event"
        );
    }
    if (sent > it_.outbox.room()) return refuse(409, "full", "the queue has no room for so many");
    for (const Item& item : items) {
        if (*event == LifecycleEvent::SubscriptionRemoved && !flag(body, "keep"))
            it_.registry.remove(item.subscription->id);
        if (*event == LifecycleEvent::ReauthorizationRequired && flag(body, "pause"))
            item.subscription->paused = true;
    }
    it_.stats.lifecycle_made += sent;
    it_.outbox.add_lifecycle(std::move(items), flag(body, "batch"), it_.clock.steady_now());
    log().info("lifecycle event={} subscriptions={}", to_string(*event), sent);
    return ok({{"sent", sent}, {"skipped", without_url}}, 202);
}

boost::json::array Control::faults() const {
    auto all = it_.faults.to_json();
    for (auto& fault : it_.identity.faults().to_json()) all.push_back(std::move(fault));
    return all;
}

Response Control::set_fault(const boost::json::object& body) {
    if (TokenFaults::knows(text(body, "fault"))) {
        if (auto set = it_.identity.faults().set(body); !set) return refuse(set.error());
        log().info("fault set fault={}", text(body, "fault"));
        return ok({{"faults", faults()}});
    }
    if (text(body, "fault") == "forget") return forget(text(body, "subscription"));
    auto fault = read_fault(body);
    if (!fault) return refuse(fault.error());
    it_.faults.set(fault->first, std::move(fault->second));
    log().info("fault set fault={}", to_string(fault->first));
    return ok({{"faults", faults()}});
}

Response Control::forget(std::string_view id) {
    if (!it_.registry.remove(id)) return refuse(404, "notFound", "there is no such subscription");
    log().info("subscription forgotten id={}", for_log(id));
    return ok({{"forgotten", id}});
}

Response Control::keys(const boost::json::object& body) {
    const auto action = text(body, "action");
    if (const auto done = it_.identity.keys().act(action); !done) return refuse(done.error());
    log().info("signing keys changed action={}", for_log(action));
    return ok(it_.identity.keys().to_json());
}

Response Control::set_clock(const boost::json::object& body) {
    constexpr std::int64_t kMost = 10LL * 365 * 86'400;
    const auto* value = body.if_contains("offsetSeconds");
    boost::system::error_code error;
    const auto seconds = value == nullptr ? 0 : value->to_number<std::int64_t>(error);
    if (value == nullptr || error || seconds > kMost || seconds < -kMost)
        return refuse(400, "badInput", "offsetSeconds must be a whole number");
    clock_offset_ = std::chrono::seconds(seconds);
    it_.identity.validation_tokens().set_offset(clock_offset_);
    return ok({{"offsetSeconds", seconds}});
}

Response Control::reset(const boost::json::object& body) {
    it_.changes.clear();
    it_.outbox.clear();
    it_.ledger.clear();
    it_.faults.clear();
    it_.identity.reset(flag(body, "keepSubscriptions"));
    clock_offset_ = std::chrono::seconds(0);
    it_.quotas.clear();
    it_.user_notifications.clear(flag(body, "keepSubscriptions"));
    it_.stats = Stats{};
    if (!flag(body, "keepSubscriptions")) it_.registry.clear();
    if (!flag(body, "keepData")) it_.world.clear();
    for (const auto& [sequence, subscription] : it_.registry.all()) {
        subscription->paused = false;
        subscription->missed_due = false;
    }
    log().info("reset");
    return ok({{"reset", true}});
}

}  // namespace graphhook::emulator
