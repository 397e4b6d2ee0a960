#include "app/api/subscription_views.hpp"

#include "app/api/json_views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using subscriptions::SubscriptionStatus;
using subscriptions::SweepStatus;

constexpr std::array<std::string_view, 8> kWords{"create", "renew",      "replace", "adopt",
                                                 "delete", "look after", "wait",    "keep"};

/// Takes the page out of what fits: `Row` pairs of a cursor and a pointer.
template <class T>
Rows page_of(
    std::vector<std::pair<std::string, const T*>> fitting, const RowFilter& filter, auto to_row
) {
    std::erase_if(fitting, [&](const auto& row) {
        return !filter.after.empty() && row.first <= filter.after;
    });
    std::ranges::sort(fitting, {}, [](const auto& row) -> const std::string& { return row.first; });
    Rows page;
    const auto count = std::min(filter.limit, fitting.size());
    page.more = fitting.size() - count;
    page.rows.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        json::object row = to_row(*fitting[i].second);
        row["cursor"] = fitting[i].first;
        page.rows.push_back(std::move(row));
    }
    return page;
}

bool fits(const std::string& wanted, const std::string& is) {
    return wanted.empty() || wanted == is;
}

json::object to_row(const std::string& tenant, const SweepStatus& sweep) {
    return {
        {"name", sweep.key.name},
        {"element", sweep.key.element},
        {"tenant", tenant},
        {"state", sweep.state},
        {"resource", sweep.resource},
        {"baseline_at", time_or_null(sweep.baseline_at)},
        {"swept_at", time_or_null(sweep.swept_at)},
        {"wanted_at", time_or_null(sweep.wanted_at)},
        {"next_at", time_or_null(sweep.next_at)},
        {"reason", sweep.reason},
        {"found", sweep.found},
        {"failures", sweep.failures},
        {"last_error", sweep.last_error},
    };
}

json::object to_row(const std::string& tenant, const subscriptions::Step& step) {
    return {
        {"action", subscriptions::to_string(step.action)},
        {"verb",
         step.action == subscriptions::Action::HoldBack ? "hold back" : summary_word(step.action)},
        {"name", step.name},
        {"element", step.element},
        {"tenant", tenant},
        {"due", time_or_null(step.due)},
        {"graph_id", step.graph_id},
        {"reason", step.reason},
    };
}

std::size_t kept_rows(const subscriptions::Plan& plan) {
    return static_cast<std::size_t>(
        std::ranges::count(plan.steps, subscriptions::Action::Keep, &subscriptions::Step::action)
    );
}

}  // namespace

Result<RowFilter> parse_row_filter(const std::function<std::string(std::string_view)>& query) {
    RowFilter filter;
    filter.tenant = query("tenant");
    filter.name = query("name");
    filter.state = query("state");
    filter.retired = !query("retired").empty();
    filter.failing = !query("failing").empty();
    filter.after = query("after");
    if (const auto text = query("limit"); !text.empty()) {
        const char* last = text.data() + text.size();
        const auto [end, error] = std::from_chars(text.data(), last, filter.limit);
        if (error != std::errc{} || end != last)
            return fail(Errc::BadInput, "'limit' is not a number");
        filter.limit = std::clamp<std::size_t>(filter.limit, 1, kMostRows);
    }
    return filter;
}

Rows subscription_rows(
    const std::vector<subscriptions::TenantStatus>& tenants, const RowFilter& filter
) {
    std::vector<std::pair<std::string, const SubscriptionStatus*>> fitting;
    for (const auto& tenant : tenants) {
        if (!fits(filter.tenant, tenant.name)) continue;
        for (const auto& one : tenant.subscriptions) {
            if (!fits(filter.name, one.name) || !fits(filter.state, one.state)) continue;
            if (filter.state.empty() && !filter.retired && one.state == "retired") continue;
            if (filter.failing && one.last_error.empty()) continue;
            fitting.emplace_back(
                fmt::format("{}/{}/{}/{}", tenant.name, one.name, one.element, one.graph_id), &one
            );
        }
    }
    return page_of(std::move(fitting), filter, [](const SubscriptionStatus& one) {
        return to_json(one);
    });
}

Rows sweep_rows(
    const std::vector<SubscriptionManager::TenantSweeps>& tenants, const RowFilter& filter
) {
    std::vector<std::pair<std::string, const SweepStatus*>> fitting;
    for (const auto& tenant : tenants) {
        if (!fits(filter.tenant, tenant.tenant)) continue;
        for (const auto& one : tenant.sweeps) {
            if (!fits(filter.name, one.key.name) || !fits(filter.state, one.state)) continue;
            if (filter.failing && one.last_error.empty()) continue;
            fitting.emplace_back(
                fmt::format("{}/{}/{}", tenant.tenant, one.key.name, one.key.element), &one
            );
        }
    }
    // A cursor begins with its tenant's name, which holds no slash.
    auto page =
        page_of(std::move(fitting), filter, [](const SweepStatus& one) { return to_row({}, one); });
    for (auto& row : page.rows) {
        const std::string_view cursor = row.as_object().at("cursor").as_string();
        row.as_object()["tenant"] = cursor.substr(0, cursor.find('/'));
    }
    return page;
}

json::array template_rows(const std::vector<SubscriptionManager::TenantTemplates>& tenants) {
    json::array rows;
    for (const auto& tenant : tenants) {
        for (const auto& one : tenant.templates) {
            rows.push_back(json::object{
                {"name", one.name},
                {"tenant", tenant.tenant},
                {"collection", one.collection},
                {"elements", one.elements},
                {"skipped", one.skipped},
                {"running", one.running},
                {"expanded_at", time_or_null(one.expanded_at)},
                {"next_at", time_or_null(one.next_at)},
                {"failures", one.failures},
                {"last_error", one.last_error},
            });
        }
    }
    return rows;
}

json::array progress_rows(const std::vector<SubscriptionManager::TenantProgress>& tenants) {
    json::array rows;
    for (const auto& one : tenants) {
        rows.push_back(json::object{
            {"tenant", one.tenant},
            {"wanted", one.wanted},
            {"standing", one.standing},
            {"parked", one.parked},
            {"failing", one.failing},
            {"to_do", one.to_do},
            {"estimate_seconds", one.estimate.count()},
            {"expanding", one.expanding},
        });
    }
    return rows;
}

std::string_view summary_word(subscriptions::Action action) noexcept {
    const auto verb = subscriptions::verb_of(action);
    return std::ranges::find(kWords, verb) == kWords.end() ? std::string_view("look after") : verb;
}

json::object plan_view(
    const std::vector<SubscriptionManager::TenantPlan>& plans, bool all, std::size_t limit
) {
    std::array<std::uint64_t, kWords.size()> counts{};
    std::uint64_t held_back = 0;
    json::array steps;
    json::array orphans;
    std::size_t more = 0;
    for (const auto& [tenant, plan] : plans) {
        held_back += plan.held_back;
        counts.back() += plan.kept;
        if (all) more += plan.kept - std::min(plan.kept, kept_rows(plan));
        for (const auto& step : plan.steps) {
            const auto word = summary_word(step.action);
            // Of those that keep, a plan has the first only; held back is counted by itself.
            const bool keeps = word == "keep";
            if (!keeps)
                ++counts[static_cast<std::size_t>(
                    std::ranges::find(kWords, word) - kWords.begin()
                )];
            if (step.action == subscriptions::Action::Keep && !all) continue;
            if (steps.size() < limit) {
                steps.push_back(to_row(tenant, step));
            } else {
                ++more;
            }
        }
        for (const auto& orphan : plan.orphans) {
            if (orphans.size() >= limit) {
                ++more;
                continue;
            }
            orphans.push_back(json::object{
                {"tenant", tenant},
                {"graph_id", orphan.graph_id},
                {"resource", orphan.resource},
                {"changes", orphan.changes},
                {"expires_at", time_or_null(orphan.expires_at)},
            });
        }
    }
    json::object summary;
    for (std::size_t i = 0; i < kWords.size(); ++i) summary[kWords[i]] = counts[i];
    return {
        {"summary", std::move(summary)}, {"held_back", held_back}, {"orphans", std::move(orphans)},
        {"steps", std::move(steps)},     {"more", more},
    };
}

std::string summary_line(const json::object& plan) {
    std::vector<std::string> parts;
    const auto& summary = plan.at("summary").as_object();
    for (const auto word : kWords) {
        const auto count = summary.at(word).to_number<std::uint64_t>();
        if ((word != "look after" && word != "wait") || count > 0)
            parts.push_back(fmt::format("{} to {}", count, word));
    }
    auto line = fmt::format("{}", fmt::join(parts, ", "));
    if (const auto held = plan.at("held_back").to_number<std::uint64_t>(); held > 0)
        line += fmt::format("; {} {} held back", held, held == 1 ? "removal" : "removals");
    if (const auto orphans = plan.at("orphans").as_array().size(); orphans > 0)
        line += fmt::format("; {} {}", orphans, orphans == 1 ? "orphan" : "orphans");
    return line;
}

}  // namespace graphhook::app
