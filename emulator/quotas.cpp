#include "emulator/quotas.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace graphhook::emulator {
namespace {

using std::chrono::seconds;

/// protocol 5.10. `most` 0: none.
struct Row {
    Operation what;
    std::string_view name;
    Quota app;
    Quota tenant;
};
constexpr auto kRows = std::to_array<Row>({
    {Operation::Write, "write", {seconds(20), 2'000}, {seconds(20), 500}},
    {Operation::Reauthorize, "reauthorize", {seconds(20), 4'000}, {seconds(20), 1'000}},
    {Operation::Get, "get", {seconds(20), 2'000}, {seconds(20), 500}},
    {Operation::List, "list", {seconds(20), 40}, {seconds(20), 25}},
    {Operation::Security, "security", {seconds(60), 0}, {seconds(60), 150}},
    {Operation::Other, "all", {seconds(10), 130'000}, {seconds(10), 0}},
});
constexpr Quota kMailbox{seconds(600), 10'000};
constexpr std::size_t kMailboxAtOnce = 4;

const Row& row_of(Operation what) {
    return *std::find_if(kRows.begin(), kRows.end(), [what](const Row& row) {
        return row.what == what;
    });
}

std::int64_t micros_of(SteadyTime time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

seconds rounded_up(std::chrono::microseconds wait) {
    return std::max(seconds(1), std::chrono::ceil<seconds>(wait));
}

}  // namespace

void SlidingWindow::slide(const Quota& quota, std::int64_t at) {
    const auto span = std::chrono::microseconds(quota.span).count();
    while (first_ < entries_.size() && entries_[first_].micros <= at - span) {
        if (entries_[first_].admitted) --admitted_;
        ++first_;
    }
    if (first_ <= 64 || first_ <= entries_.size() / 2) return;
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
}

std::optional<std::chrono::microseconds> SlidingWindow::wait(const Quota& quota, SteadyTime now) {
    const auto at = micros_of(now);
    slide(quota, at);
    if (quota.most == 0 || admitted_ < quota.most) return std::nullopt;
    const auto oldest = std::find_if(
        entries_.begin() + static_cast<std::ptrdiff_t>(first_), entries_.end(),
        [](const Entry& entry) { return entry.admitted; }
    );
    const auto span = std::chrono::microseconds(quota.span);
    return std::chrono::microseconds(oldest->micros - at) + span;
}

void SlidingWindow::count(const Quota& quota, bool admitted, SteadyTime now) {
    const auto at = micros_of(now);
    slide(quota, at);
    entries_.push_back({at, admitted});
    most_ = std::max(most_, entries_.size() - first_);
    if (admitted) {
        ++admitted_;
    } else {
        ++refused_;
    }
}

bool SlidingWindow::idle(const Quota& quota, SteadyTime now) const {
    return entries_.empty() ||
           entries_.back().micros <= micros_of(now) - std::chrono::microseconds(quota.span).count();
}

std::optional<Quotas::Refusal> Quotas::ask(Operation what, const Caller& caller, SteadyTime now) {
    struct Scope {
        SlidingWindow& window;
        const Quota& quota;
        std::string_view name;
    };
    std::vector<Scope> scopes;
    const Row& row = row_of(what);
    const Row& all = row_of(Operation::Other);
    if (row.app.most != 0) scopes.push_back({apps_[{what, caller.app}], row.app, "app"});
    if (row.tenant.most != 0) {
        scopes.push_back(
            {tenants_[{what, caller.app + " in " + caller.tenant}], row.tenant, "app and tenant"}
        );
    }
    if (what != Operation::Other)
        scopes.push_back({apps_[{Operation::Other, caller.app}], all.app, "app"});
    std::optional<std::chrono::microseconds> longest;
    std::string_view scope;
    for (const Scope& one : scopes) {
        const auto wait = enforce_ ? one.window.wait(one.quota, now) : std::nullopt;
        if (!wait || (longest && *longest >= *wait)) continue;
        longest = wait;
        scope = one.name;
    }
    for (const Scope& one : scopes) one.window.count(one.quota, !longest, now);
    if (!longest) return std::nullopt;
    return Refusal{
        rounded_up(*longest),
        fmt::format("Too many requests: the quota of '{}' for this {} is used up.", row.name, scope)
    };
}

std::string Quotas::mailbox_key(const Caller& caller, std::string_view mailbox) {
    return fmt::format("{} {} {}", caller.app, caller.tenant, mailbox);
}

std::optional<Quotas::Refusal> Quotas::enter_mailbox(
    const Caller& caller, std::string_view mailbox, SteadyTime now
) {
    if (mailbox.empty()) return std::nullopt;
    if (mailboxes_.size() >= tidy_at_) tidy(now);
    Mailbox& of = mailboxes_[mailbox_key(caller, mailbox)];
    mailbox_most_inside_ = std::max(mailbox_most_inside_, of.inside + 1);
    if (enforce_ && of.inside >= kMailboxAtOnce) {
        ++mailbox_refused_;
        return Refusal{seconds(1), "Application is over its MailboxConcurrency limit."};
    }
    const auto wait = enforce_ ? of.window.wait(kMailbox, now) : std::nullopt;
    of.window.count(kMailbox, !wait, now);
    mailbox_most_ = std::max(mailbox_most_, of.window.most());
    if (wait) {
        ++mailbox_refused_;
        return Refusal{rounded_up(*wait), "Application is over its limit for this mailbox."};
    }
    ++of.inside;
    return std::nullopt;
}

void Quotas::leave_mailbox(const Caller& caller, std::string_view mailbox) {
    const auto found = mailboxes_.find(mailbox_key(caller, mailbox));
    if (found != mailboxes_.end() && found->second.inside > 0) --found->second.inside;
}

void Quotas::tidy(SteadyTime now) {
    std::erase_if(mailboxes_, [&](const auto& entry) {
        return entry.second.inside == 0 && entry.second.window.idle(kMailbox, now);
    });
    tidy_at_ = std::max<std::size_t>(10'000, 2 * mailboxes_.size());
}

boost::json::object Quotas::to_json() const {
    boost::json::array windows;
    const auto add = [&](const auto& of, bool tenant) {
        for (const auto& [key, window] : of) {
            const Row& row = row_of(key.first);
            const Quota& quota = tenant ? row.tenant : row.app;
            windows.push_back(
                {{"operation", row.name},
                 {"scope", tenant ? "app and tenant" : "app"},
                 {"of", key.second},
                 {"seconds", quota.span.count()},
                 {"quota", quota.most},
                 {"most", window.most()},
                 {"refused", window.refused()}}
            );
        }
    };
    add(apps_, false);
    add(tenants_, true);
    windows.push_back(
        {{"operation", "mailbox"},
         {"scope", "app and mailbox"},
         {"of", "any"},
         {"seconds", kMailbox.span.count()},
         {"quota", kMailbox.most},
         {"most", mailbox_most_},
         {"refused", mailbox_refused_},
         {"mostAtOnce", mailbox_most_inside_}}
    );
    return {{"enforced", enforce_}, {"windows", std::move(windows)}};
}

void Quotas::clear() {
    apps_.clear();
    tenants_.clear();
    for (auto& [key, mailbox] : mailboxes_) mailbox.window = SlidingWindow();
    mailbox_most_ = 0;
    mailbox_most_inside_ = 0;
    mailbox_refused_ = 0;
}

}  // namespace graphhook::emulator
