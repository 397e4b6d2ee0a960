#include "emulator/cli/flags.hpp"

#include <CLI/CLI.hpp>

#include <vector>

namespace graphhook::emulator::cli {
namespace {

const std::vector<std::string>& names() {
    static const std::vector<std::string> all{
        "throttle",
        "server-error",
        "slow",
        "redirect",
        "html",
        "claims",
        "page-error",
        "truncated",
        "missing-field",
        "past-expiry",
        "foreign-link",
        "delta-expired",
        "empty-page",
        "replay",
        "outage",
        "create-late",
        "lose",
        "duplicate",
        "reorder",
        "wrong-client-state",
        "unknown-subscription",
        "forget",
        "token-error",
        "token-throttle",
        "token-html",
        "token-cut-off",
        "token-slow",
        "token-no-expiry",
        "managed-identity-error",
        "keys",
        "ignore-certificate",
        "refuse-certificate",
        "user-notification"
    };
    return all;
}

std::string joined() {
    std::string text;
    for (const auto& name : names()) text += (text.empty() ? "" : ", ") + name;
    return text;
}

}  // namespace

void add_fault_commands(
    CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action
) {
    auto* fault = app.add_subcommand("fault", "Make something go wrong");
    fault->require_subcommand(1);
    auto* set = add_client(*fault, "set", "Set a fault");
    set->add_option("fault", flags.fault, joined())->required()->check(CLI::IsMember(names()));
    set->add_option("subscription", flags.subscription, "With forget: the subscription's id");
    set->add_option("--count", flags.count, "How many times; 0: until cleared")
        ->capture_default_str();
    set->add_option("--share", flags.faults.share, "Which part of what could be struck, as 0.05")
        ->check(CLI::Range(0.0, 1.0));
    set->add_option("--tenant", flags.data.tenant, "Only what this tenant's apps ask for");
    set->add_option("--path", flags.faults.path, "Only paths that hold this text");
    set->add_option("--retry-after", flags.retry_after, "With throttle (5) and errors: seconds");
    set->add_flag("--no-retry-after", flags.faults.no_retry_after, "With throttle: no such header");
    add_duration(*set, "--delay", flags.delay, "With slow (5s) and create-late (60s)");
    set->add_option(
        "--status", flags.status,
        "With errors, outage, delta-expired, user-notification: 400 to 599"
    );
    set->add_option("--location", flags.location, "With redirect and foreign-link: where to");
    set->add_option("--field", flags.faults.field, "With missing-field: which one");
    set->add_option("--code", flags.faults.code, "With errors: the error's code");
    set->add_option("--page", flags.faults.page, "With page-error: which page, from 1 (2)");
    set->add_option(
        "--form", flags.rich.form,
        "With keys: error, slow, cut-off, html, garbage, empty, blank, wrong-json or redirect"
    );
    set->add_flag("--hang-up", flags.faults.hang_up, "With outage: close connections unanswered");
    set->callback([&flags, &action, set] {
        if ((flags.fault == "forget") != !flags.subscription.empty())
            throw CLI::RequiredError("forget and a subscription's id together");
        const auto given = [set](const std::string& name) { return set->count(name) > 0; };
        boost::json::object request{{"fault", flags.fault}};
        if (!flags.subscription.empty()) request["subscription"] = flags.subscription;
        if (given("--count")) request["count"] = flags.count;
        if (given("--share")) request["share"] = flags.faults.share;
        if (given("--tenant")) request["tenant"] = flags.data.tenant;
        if (given("--path")) request["path"] = flags.faults.path;
        if (given("--retry-after")) request["retryAfterSeconds"] = flags.retry_after;
        if (flags.faults.no_retry_after) request["retryAfterSeconds"] = nullptr;
        if (given("--delay")) request["delayMilliseconds"] = flags.delay.count();
        if (given("--form")) request["form"] = flags.rich.form;
        if (given("--status")) request["status"] = flags.status;
        if (given("--location")) request["location"] = flags.location;
        if (given("--field")) request["field"] = flags.faults.field;
        if (given("--code")) request["code"] = flags.faults.code;
        if (given("--page")) request["page"] = flags.faults.page;
        if (flags.faults.hang_up) request["hangUp"] = true;
        action = [&flags, request] { return set_fault(flags.target, request, flags.output); };
    });
    add_client(*fault, "clear", "Clear all faults")->callback([&] {
        action = [&flags] { return clear_faults(flags.target, flags.output); };
    });
    add_client(*fault, "list", "Show the faults that are set")->callback([&] {
        action = [&flags] { return list_faults(flags.target, flags.output); };
    });
}

}  // namespace graphhook::emulator::cli
