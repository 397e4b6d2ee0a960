#include "emulator/changes.hpp"

#include "emulator/object_id.hpp"
#include "emulator/rich/entity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace graphhook::emulator {
namespace {

constexpr std::size_t kMostJobs = 1'000;
constexpr std::size_t kMostRunning = 100;
/// What is made in one step at most, so that the thread soon gets to its sockets again.
constexpr std::uint64_t kStep = 500;
/// With many subscriptions, looking through all of them at every step would cost too much.
constexpr std::size_t kFewSubscriptions = 2'000;
constexpr std::uint64_t kStepsBetweenLooks = 100;

Change change_of(const Happening& happening, ChangeType type, bool soft) {
    Change change;
    change.number = happening.version;
    change.object = happening.object;
    change.type = type;
    change.at = happening.at;
    change.name = happening.name;
    change.member = happening.member;
    change.soft = soft;
    return change;
}

/// What a change of this request will look like, as far as it decides who is told.
Change probe(const Landing& landing, const ChangeRequest& request, ChangeType type) {
    Change change;
    change.type = type;
    change.soft = request.detail.soft;
    if (landing.shelf.type == Type::Member) change.member = 1;
    return change;
}

bool wants(const Subscription& subscription, const Change& change) {
    return (subscription.changes & bit(shown_type(subscription.resource, change))) != 0;
}

/// "archive" beside users/x/mailFolders('inbox')/messages: the path of that folder.
std::string path_beside(const Recognised& resource, const std::string& folder) {
    if (folder.find('/') != std::string::npos) return folder;
    if (resource.kind->name == "contact")
        return fmt::format("users/{}/contactFolders/{}/contacts", resource.ids.front(), folder);
    return fmt::format("users/{}/mailFolders/{}/messages", resource.ids.front(), folder);
}

/// The first object that is there after this one, from the start again after the last.
std::optional<std::uint64_t> object_after(const Collection& collection, std::uint64_t number) {
    const auto objects = collection.objects();
    const auto usable = [](const Object& object) {
        return !object.removed && (object.flags & trait::kRoot) == 0;
    };
    const auto from = std::upper_bound(
        objects.begin(), objects.end(), number,
        [](std::uint64_t wanted, const Object& object) { return wanted < object.number; }
    );
    auto found = std::find_if(from, objects.end(), usable);
    if (found == objects.end()) found = std::find_if(objects.begin(), from, usable);
    if (found == objects.end() || !usable(*found)) return std::nullopt;
    return found->number;
}

}  // namespace

ChangeMaker::Target ChangeMaker::target_of(
    std::string tenant, const Recognised& resource, const ChangeRequest& request
) const {
    Target target;
    target.landing = landing_of(resource);
    if (!request.move_to.empty()) {
        const auto to = recognise(path_beside(resource, request.move_to));
        if (to && to->kind == resource.kind) {
            target.to = std::make_shared<const ChangedResource>(ChangedResource{tenant, *to});
            target.to_landing = landing_of(*to);
        }
    }
    target.where =
        std::make_shared<const ChangedResource>(ChangedResource{std::move(tenant), resource});
    return target;
}

Result<std::vector<ChangeMaker::Target>> ChangeMaker::targets_of(const ChangeRequest& request
) const {
    std::vector<Target> targets;
    if (!request.subscription.empty()) {
        const auto subscription = registry_.find(request.subscription);
        if (subscription) {
            targets.push_back(target_of(subscription->tenant, subscription->resource, request));
            if (!request.silent && !watched(targets.back(), request)) targets.clear();
        }
    } else if (!request.resource.empty()) {
        const auto resource = recognise(request.resource).value();
        std::set<std::string> tenants;
        if (!request.tenant.empty()) {
            tenants.insert(request.tenant);
        } else {
            for (const auto& [sequence, subscription] : registry_.all())
                tenants.insert(subscription->tenant);
            if (request.silent) {
                for (auto& name : world_.tenants()) tenants.insert(std::move(name));
                if (tenants.size() != 1)
                    return fail(Errc::BadInput, "say in which tenant: none or several are known");
            }
        }
        for (const auto& tenant : tenants) {
            auto target = target_of(tenant, resource, request);
            if (!request.tenant.empty() || request.silent || watched(target, request))
                targets.push_back(std::move(target));
        }
    } else {
        const Kind* const kind = find_kind(request.kind);
        std::map<std::pair<std::string, std::string>, const Subscription*> found;
        for (const auto& [sequence, subscription] : registry_.all()) {
            if (subscription->resource.kind != kind) continue;
            if (!request.tenant.empty() && subscription->tenant != request.tenant) continue;
            const auto landing = landing_of(subscription->resource);
            const auto type = request.move_to.empty() ? request.type : ChangeType::Created;
            if (!request.silent && !wants(*subscription, probe(landing, request, type))) continue;
            found.try_emplace(
                {subscription->tenant, landing.key + "/" + landing.id}, subscription.get()
            );
        }
        for (const auto& [where, subscription] : found)
            targets.push_back(target_of(subscription->tenant, subscription->resource, request));
    }
    if (!request.move_to.empty()) {
        for (const Target& target : targets) {
            if (target.to == nullptr || target.to_landing.key == target.landing.key ||
                (target.landing.shelf.type != Type::Message &&
                 target.landing.shelf.type != Type::Contact))
                return fail(Errc::BadInput, "only messages and contacts move, into another folder");
        }
    }
    return targets;
}

bool ChangeMaker::watched(const Target& target, const ChangeRequest& request) const {
    const auto any = [&](const ChangedResource& where, const Landing& landing, ChangeType type) {
        auto keys = landing.watched;
        if (!landing.id.empty()) keys.push_back(landing.key + "/" + lower_case(landing.id));
        for (const auto& key : keys) {
            for (const auto& subscription : registry_.watching(where.tenant, key)) {
                if (subscription->resource.kind == where.resource.kind &&
                    wants(*subscription, probe(landing, request, type)))
                    return true;
            }
        }
        return false;
    };
    if (target.to) {
        return any(*target.where, target.landing, ChangeType::Deleted) ||
               any(*target.to, target.to_landing, ChangeType::Created);
    }
    return any(*target.where, target.landing, request.type);
}

Result<std::shared_ptr<ChangeJob>> ChangeMaker::start(ChangeRequest request) {
    if (running_.size() >= kMostRunning) return fail(Errc::Full, "too many jobs are running");
    auto targets = targets_of(request);
    if (!targets) return targets.error();
    if (targets->empty()) {
        return fail(
            Errc::NotFound,
            fmt::format("no live subscription watches for \"{}\" there", to_string(request.type))
        );
    }
    if (request.forges() &&
        std::none_of(registry_.all().begin(), registry_.all().end(), [](const auto& entry) {
            return entry.second->rich;
        }))
        return fail(Errc::BadInput, "nobody gets resource data: there is nothing to forge");
    auto job = std::make_shared<ChangeJob>();
    job->id = ++last_job_;
    job->request = std::move(request);
    job->started = clock_.steady_now();
    const auto& asked = job->request;
    if (asked.object.empty() && !asked.existing)
        job->first_object = world_.next_objects(asked.objects == 0 ? asked.count : asked.objects);
    if (jobs_.size() >= kMostJobs) jobs_.erase(jobs_.begin());
    jobs_.push_back(job);
    running_.push_back(Running{job, std::move(*targets), registry_.version()});
    return job;
}

std::optional<std::uint64_t> ChangeMaker::next_object(const ChangeJob& job, Target& target) {
    const auto& tenant = target.where->tenant;
    if (!target.landing.id.empty())
        return world_.number_at(tenant, target.landing, target.landing.id);
    const auto& request = job.request;
    if (!request.object.empty()) return world_.number_at(tenant, target.landing, request.object);
    if (!request.existing) {
        return job.first_object + (request.objects == 0 ? job.made : job.made % request.objects);
    }
    const Collection& collection = world_.open(tenant, target.landing.key, target.landing.shelf);
    const auto found = object_after(collection, target.cursor);
    if (found) target.cursor = *found;
    return found;
}

std::vector<SubscriptionPtr> ChangeMaker::watchers(
    const ChangedResource& where, const Landing& landing, const Change& change
) const {
    std::vector<SubscriptionPtr> found;
    const auto add = [&](std::string_view key) {
        for (const auto& subscription : registry_.watching(where.tenant, key)) {
            if (subscription->resource.kind == where.resource.kind && wants(*subscription, change))
                found.push_back(subscription);
        }
    };
    for (const auto& key : landing.watched) add(key);
    if (landing.watched_by_object) {
        const auto id =
            change.name.empty() ? object_id(landing.shelf.ids, change.object) : change.name;
        add(landing.key + "/" + lower_case(id));
    }
    return found;
}

bool ChangeMaker::make(const std::shared_ptr<ChangeJob>& job, Target& target, SteadyPoint now) {
    const auto& request = job->request;
    // A target with more subscribers than the whole outbox holds goes in when it is empty.
    if (!request.silent && outbox_.waiting() > 0) {
        std::size_t most = 1;
        for (const auto& key : target.landing.watched)
            most += registry_.watching(target.where->tenant, key).size();
        if (outbox_.room() + 1 < most) return false;
    }
    const auto object = next_object(*job, target);
    if (!object) {
        job->trouble = "there is no object to change";
        return true;
    }
    ++job->made;
    const auto tell = [&](const std::shared_ptr<const ChangedResource>& where,
                          const Landing& landing, const Change& change) {
        notify(
            job, where, landing, change,
            request.silent ? std::vector<SubscriptionPtr>{} : watchers(*where, landing, change), now
        );
    };
    const auto& tenant = target.where->tenant;
    if (target.to) {
        const auto [left, arrived] =
            world_.move(tenant, target.landing, target.to_landing, *object);
        tell(target.where, target.landing, change_of(left, ChangeType::Deleted, false));
        tell(target.to, target.to_landing, change_of(arrived, ChangeType::Created, false));
        return true;
    }
    const auto happening =
        world_.change(tenant, target.landing, request.type, *object, request.detail);
    tell(
        target.where, target.landing,
        change_of(
            happening, request.type, request.detail.soft && request.type == ChangeType::Deleted
        )
    );
    return true;
}

void ChangeMaker::notify(
    const std::shared_ptr<ChangeJob>& job, const std::shared_ptr<const ChangedResource>& where,
    const Landing& landing, const Change& change, const std::vector<SubscriptionPtr>& subscriptions,
    SteadyPoint now
) {
    ++stats_.changes_made;
    ledger_.add(change, where, subscriptions);
    for (const auto& subscription : subscriptions) {
        ++job->items;
        ++stats_.items_made;
        const bool lost =
            subscription->paused ||
            (faults_.any() &&
             faults_.take(FaultKind::Lose, {where->tenant, where->resource.text}).has_value());
        if (lost) {
            ++job->lost;
            ++stats_.items_lost;
            ledger_.settle(change.number, *subscription, ItemState::Lost, 0, change.at);
            continue;
        }
        Item item{subscription, change, std::nullopt, job};
        if (subscription->rich) enrich(item, landing);
        outbox_.add(std::move(item), now);
    }
}

void ChangeMaker::enrich(Item& item, const Landing& landing) {
    item.plaintext = std::make_shared<const std::string>(
        entity_text(world_, landing, *item.subscription, item.change)
    );
    const ChangeRequest& request = item.job->request;
    // The first change is forged, then every so many: `made` counts it already.
    const auto before = item.job->made - 1;
    if (request.forges() && before % request.forge_every == 0) {
        const auto kinds = forgery_kinds();
        item.forgery = request.all_forgeries ? &kinds[(before / request.forge_every) % kinds.size()]
                                             : request.forgery;
        item.beside_good = request.beside_good;
        ++stats_.rich_forged;
    } else {
        ++stats_.rich_genuine;
    }
    ledger_.remember(item.change.number, *item.subscription, {item.plaintext, item.forgery});
}

bool ChangeMaker::look_again(Running& running) {
    const auto& request = running.job->request;
    ++running.steps;
    if (running.targets_version == registry_.version()) return true;
    if (request.silent || (!request.tenant.empty() && request.kind.empty())) return true;
    if (request.kind.empty()) {
        running.targets_version = registry_.version();
        return std::any_of(
            running.targets.begin(), running.targets.end(),
            [&](const Target& target) { return watched(target, request); }
        );
    }
    if (registry_.size() > kFewSubscriptions && running.steps % kStepsBetweenLooks != 0)
        return true;
    running.targets_version = registry_.version();
    auto targets = targets_of(request);
    if (!targets || targets->empty()) return false;
    running.targets = std::move(*targets);
    return true;
}

bool ChangeMaker::step() {
    const auto now = clock_.steady_now();
    for (Running& running : running_) {
        ChangeJob& job = *running.job;
        if (!look_again(running)) {
            job.trouble = "no live subscription is left that watches for such changes";
            continue;
        }
        std::uint64_t due = job.request.count;
        if (job.request.rate > 0) {
            const std::chrono::duration<double> since = now - job.started;
            due = std::min(due, static_cast<std::uint64_t>(since.count() * job.request.rate) + 1);
        }
        for (std::uint64_t i = 0; i < kStep && job.made < due && job.trouble.empty(); ++i) {
            if (!make(running.job, running.targets[job.made % running.targets.size()], now)) break;
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
            if (item.plaintext)
                ++(item.forgery == nullptr ? stats_.rich_genuine_accepted
                                           : stats_.rich_forged_accepted);
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
