#include "emulator/changes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace graphhook::emulator {
namespace {

constexpr std::size_t kMostJobs = 1'000;
constexpr std::size_t kMostRunning = 100;
constexpr std::uint64_t kMostChanges = 100'000'000;
/// What is made in one step at most, so that the thread soon gets to its sockets again.
constexpr std::uint64_t kStep = 500;

Result<std::string> text(const boost::json::object& json, std::string_view name) {
    const auto* value = json.if_contains(name);
    if (value == nullptr || value->is_null()) return std::string{};
    if (!value->is_string()) return fail(Errc::BadInput, fmt::format("{} must be text", name));
    return std::string(value->as_string());
}

Result<std::uint64_t> whole(
    const boost::json::object& json, std::string_view name, std::uint64_t otherwise
) {
    const auto* value = json.if_contains(name);
    if (value == nullptr) return otherwise;
    boost::system::error_code error;
    const auto number = value->to_number<std::uint64_t>(error);
    if (error || number > kMostChanges) {
        return fail(
            Errc::BadInput, fmt::format("{} must be a whole number up to {}", name, kMostChanges)
        );
    }
    return number;
}

}  // namespace

Result<ChangeRequest> read_change_request(const boost::json::object& json) {
    ChangeRequest request;
    const auto kind = text(json, "kind");
    const auto resource = text(json, "resource");
    const auto subscription = text(json, "subscription");
    const auto type = text(json, "change");
    for (const auto* read : {&kind, &resource, &subscription, &type}) {
        if (!*read) return read->error();
    }
    const auto count = whole(json, "count", 1);
    const auto objects = whole(json, "objects", 0);
    for (const auto* read : {&count, &objects}) {
        if (!*read) return read->error();
    }
    if ((kind->empty() ? 0 : 1) + (resource->empty() ? 0 : 1) + (subscription->empty() ? 0 : 1) !=
        1) {
        return fail(Errc::BadInput, "say one of kind, resource and subscription");
    }
    request.kind = *kind;
    request.resource = *resource;
    request.subscription = *subscription;
    request.count = *count;
    request.objects = *objects;
    if (!type->empty()) {
        const auto known = parse_change_type(*type);
        if (!known) return fail(Errc::BadInput, "change must be created, updated or deleted");
        request.type = *known;
    }
    if (!request.kind.empty() && find_kind(request.kind) == nullptr) {
        return fail(Errc::BadInput, "there is no such kind; see graph-emulator kinds");
    }
    if (!request.resource.empty() && !recognise(request.resource)) {
        return fail(Errc::BadInput, "no kind has such a resource path");
    }
    if (const auto* rate = json.if_contains("rate"); rate != nullptr) {
        boost::system::error_code error;
        request.rate = rate->to_number<double>(error);
        if (error || !(request.rate >= 0) || request.rate > 1e6)
            return fail(Errc::BadInput, "rate must be 0 to 1000000");
    }
    return request;
}

boost::json::object ChangeJob::to_json() const {
    boost::json::object json;
    json["job"] = id;
    json["count"] = request.count;
    json["made"] = made;
    json["items"] = items;
    json["accepted"] = accepted;
    json["failed"] = failed;
    json["dropped"] = dropped;
    json["lost"] = lost;
    json["done"] = settled();
    if (!trouble.empty()) json["trouble"] = trouble;
    return json;
}

std::vector<ChangeMaker::Target> ChangeMaker::targets_of(const ChangeRequest& request) const {
    std::string key;
    std::string tenant;
    std::string_view kind;
    if (!request.kind.empty()) {
        kind = find_kind(request.kind)->name;
    } else if (!request.resource.empty()) {
        const auto recognised = recognise(request.resource);
        kind = recognised->kind->name;
        key = recognised->key;
    } else {
        const auto subscription = registry_.find(request.subscription);
        if (!subscription) return {};
        kind = subscription->resource.kind->name;
        key = subscription->resource.key;
        tenant = subscription->tenant;
    }
    std::map<std::pair<std::string, std::string>, Target> found;
    for (const auto& [sequence, subscription] : registry_.all()) {
        if (subscription->resource.kind->name != kind) continue;
        if (!key.empty() && subscription->resource.key != key) continue;
        if (!tenant.empty() && subscription->tenant != tenant) continue;
        if ((subscription->changes & bit(request.type)) == 0) continue;
        found[{subscription->tenant, subscription->resource.key}].subscriptions.push_back(
            subscription
        );
    }
    std::vector<Target> targets;
    targets.reserve(found.size());
    for (auto& [where, target] : found) targets.push_back(std::move(target));
    return targets;
}

Result<std::shared_ptr<ChangeJob>> ChangeMaker::start(ChangeRequest request) {
    if (running_.size() >= kMostRunning) return fail(Errc::Full, "too many jobs are running");
    auto targets = targets_of(request);
    if (targets.empty()) {
        return fail(
            Errc::NotFound,
            fmt::format("no live subscription watches for \"{}\" there", to_string(request.type))
        );
    }
    auto job = std::make_shared<ChangeJob>();
    job->id = ++last_job_;
    job->request = std::move(request);
    job->started = clock_.steady_now();
    job->first_object = last_object_ + 1;
    last_object_ += job->request.objects == 0 ? job->request.count : job->request.objects;
    if (jobs_.size() >= kMostJobs) jobs_.erase(jobs_.begin());
    jobs_.push_back(job);
    running_.push_back(Running{job, std::move(targets), registry_.version()});
    return job;
}

void ChangeMaker::make(
    ChangeJob& job, const std::shared_ptr<ChangeJob>& shared, const Target& target, SteadyPoint now
) {
    Change change;
    change.number = ++last_change_;
    change.object =
        job.first_object + (job.request.objects == 0 ? job.made : job.made % job.request.objects);
    change.type = job.request.type;
    change.at = std::max(clock_.system_now(), last_at_ + std::chrono::microseconds(1));
    last_at_ = change.at;
    ++job.made;
    ++stats_.changes_made;
    ledger_.add(change, target.subscriptions);
    for (const auto& subscription : target.subscriptions) {
        ++job.items;
        ++stats_.items_made;
        if (subscription->paused) {
            ++job.lost;
            ++stats_.items_lost;
            ledger_.settle(change.number, *subscription, ItemState::Lost, 0, change.at);
            continue;
        }
        outbox_.add(Item{subscription, change, std::nullopt, shared}, now);
    }
}

bool ChangeMaker::step() {
    const auto now = clock_.steady_now();
    for (Running& running : running_) {
        ChangeJob& job = *running.job;
        if (running.targets_version != registry_.version()) {
            running.targets = targets_of(job.request);
            running.targets_version = registry_.version();
            if (running.targets.empty()) {
                job.trouble = "no live subscription is left that watches for such changes";
                continue;
            }
        }
        std::uint64_t due = job.request.count;
        if (job.request.rate > 0) {
            const std::chrono::duration<double> since = now - job.started;
            due = std::min(due, static_cast<std::uint64_t>(since.count() * job.request.rate) + 1);
        }
        for (std::uint64_t i = 0; i < kStep && job.made < due; ++i) {
            const Target& target = running.targets[job.made % running.targets.size()];
            // A target with more subscribers than the whole outbox holds goes in when it is empty.
            if (outbox_.room() < target.subscriptions.size() && outbox_.waiting() > 0) break;
            make(job, running.job, target, now);
        }
    }
    std::erase_if(running_, [](const Running& running) { return running.job->all_made(); });
    return !running_.empty();
}

std::shared_ptr<ChangeJob> ChangeMaker::find(std::uint64_t id) const {
    const auto it =
        std::find_if(jobs_.begin(), jobs_.end(), [id](const auto& job) { return job->id == id; });
    return it == jobs_.end() ? nullptr : *it;
}

void ChangeMaker::settled(const Item& item, Settlement settlement, int attempts) {
    if (item.event) return;
    ItemState state = ItemState::Accepted;
    switch (settlement) {
        case Settlement::Accepted:
            if (item.job) ++item.job->accepted;
            break;
        case Settlement::Failed:
            state = ItemState::Failed;
            if (item.job) ++item.job->failed;
            ++stats_.items_failed;
            break;
        case Settlement::Dropped:
            state = ItemState::Dropped;
            if (item.job) ++item.job->dropped;
            ++stats_.items_dropped;
            break;
    }
    ledger_.settle(item.change.number, *item.subscription, state, attempts, clock_.system_now());
}

void ChangeMaker::clear() {
    for (const auto& running : running_) running.job->trouble = "reset";
    running_.clear();
    jobs_.clear();
}

}  // namespace graphhook::emulator
