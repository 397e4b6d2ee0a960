#include "subscriptions/graph/quota.hpp"

#include "subscriptions/catalog/catalog.hpp"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <utility>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::int64_t kAtOnceInMailbox = 4;
/// When to look at a busy mailbox again, if nobody tells of a call that ended.
constexpr auto kBusy = 500ms;
constexpr std::size_t kForgetAt = 1'024;

/// One figure of Graph's, as what GCRA needs: the distance of calls that keep the pace, and how far
/// ahead of it a burst may be.
struct Rate {
    nanoseconds distance;
    nanoseconds ahead;

    constexpr Rate(std::int64_t calls, nanoseconds window)
        // Eight tenths, rounded so that it is never more.
        : distance((window * 10 + nanoseconds(calls * 8 - 1)) / (calls * 8)),
          ahead(distance * (std::max<std::int64_t>(calls / 20, 1) - 1)) {}
};

struct Limits {
    Rate tenant;
    Rate application;
};

constexpr std::array<Limits, 5> kLimits{{
    {Rate(500, 20s), Rate(2'000, 20s)},        // Write
    {Rate(1'000, 20s), Rate(4'000, 20s)},      // Reauthorize
    {Rate(500, 20s), Rate(2'000, 20s)},        // Get
    {Rate(25, 20s), Rate(40, 20s)},            // List
    {Rate(130'000, 10s), Rate(130'000, 10s)},  // Data
}};
constexpr Rate kMailbox(10'000, 10min);

/// When a call may begin; not after `now`: it may now. `next` is never further ahead than a full
/// burst makes it, unless the clock went back: then it is taken back too.
SteadyTime allowed_at(SteadyTime& next, const Rate& rate, SteadyTime now) {
    next = std::min(next, now + rate.ahead + rate.distance);
    return next - rate.ahead;
}

SteadyTime counted(SteadyTime next, const Rate& rate, SteadyTime now) {
    return std::clamp(next, now, now + rate.ahead) + rate.distance;
}

}  // namespace

Quota::Quota(Clock& clock) : clock_(clock), forget_at_(kForgetAt) {
}

SystemTime Quota::begin(CallClass what, std::string_view tenant, std::string_view mailbox) {
    const auto number = static_cast<std::size_t>(what);
    const Limits& limits = kLimits.at(number);
    const std::lock_guard lock(mutex_);
    const SteadyTime now = clock_.steady_now();

    PaceByTenant& tenants = tenants_.at(number);
    auto of_tenant = tenants.find(tenant);
    if (of_tenant == tenants.end()) of_tenant = tenants.emplace(std::string(tenant), Pace{}).first;
    Pace& pace = of_tenant->second;
    Pace& all = application_.at(number);
    auto box = mailbox.empty() ? mailboxes_.end() : mailboxes_.find(mailbox);

    SteadyTime at = std::max(
        allowed_at(pace.next, limits.tenant, now), allowed_at(all.next, limits.application, now)
    );
    if (box != mailboxes_.end()) {
        at = std::max(at, allowed_at(box->second.pace.next, kMailbox, now));
        if (box->second.under_way >= kAtOnceInMailbox) at = std::max(at, SteadyTime(now + kBusy));
    }
    if (at > now) {
        return clock_.system_now() + std::chrono::ceil<SystemTime::duration>(at - now);
    }

    pace.next = counted(pace.next, limits.tenant, now);
    all.next = counted(all.next, limits.application, now);
    if (!mailbox.empty()) {
        if (box == mailboxes_.end()) {
            forget_idle(now);
            box = mailboxes_.emplace(std::string(mailbox), Mailbox{}).first;
        }
        box->second.pace.next = counted(box->second.pace.next, kMailbox, now);
        ++box->second.under_way;
    }
    return {};
}

void Quota::end(std::string_view mailbox) {
    if (mailbox.empty()) return;
    const std::lock_guard lock(mutex_);
    const auto box = mailboxes_.find(mailbox);
    if (box == mailboxes_.end() || box->second.under_way == 0) return;
    // What kept the pace is as good as new; one that is ahead of it is forgotten later.
    if (--box->second.under_way == 0 && box->second.pace.next <= clock_.steady_now())
        mailboxes_.erase(box);
}

double Quota::calls_a_second(CallClass what) noexcept {
    const auto number = static_cast<std::size_t>(what);
    const Rate& rate = number < kLimits.size() ? kLimits[number].tenant : kLimits[0].tenant;
    return 1e9 / static_cast<double>(rate.distance.count());
}

std::size_t Quota::mailboxes() const {
    const std::lock_guard lock(mutex_);
    return mailboxes_.size();
}

/// Looks at all of them only when they have doubled, so that a call costs the same among many.
void Quota::forget_idle(SteadyTime now) {
    if (mailboxes_.size() < forget_at_) return;
    std::erase_if(mailboxes_, [now](const auto& entry) {
        return entry.second.under_way == 0 && entry.second.pace.next <= now;
    });
    forget_at_ = std::max(kForgetAt, mailboxes_.size() * 2);
}

std::string mailbox_of(std::string_view resource) {
    const std::string path = comparable(resource);
    std::string_view rest = std::string_view(path).substr(0, path.find('?'));
    const auto next = [&rest] {
        const auto slash = rest.find('/');
        const auto segment = rest.substr(0, slash);
        rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
        return segment;
    };
    const auto one_of = [](std::string_view word, std::initializer_list<std::string_view> words) {
        return std::ranges::find(words, word) != words.end();
    };
    const std::string_view root = next();
    std::string owner(root);
    if (root == "users" || root == "groups") {
        const std::string_view id = next();
        if (id.empty()) return {};
        owner = id == "me" && root == "users" ? std::string("me") : owner + '/' + std::string(id);
    } else if (root != "me") {
        return {};
    }
    const std::string_view what = next();
    if (root == "groups")
        return one_of(what, {"conversations", "threads", "events", "calendar", "calendarview"})
                   ? owner
                   : std::string();
    return one_of(
               what, {"messages", "mailfolders", "events", "calendar", "calendars",
                      "calendargroups", "calendarview", "contacts", "contactfolders", "todo",
                      "outlook", "inferenceclassification"}
           )
               ? owner
               : std::string();
}

}  // namespace graphhook::subscriptions
