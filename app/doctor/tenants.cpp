#include "app/doctor/tenants.hpp"

#include "app/doctor/certificates.hpp"
#include "core/log.hpp"
#include "subscriptions/catalog/permissions.hpp"
#include "subscriptions/credentials/sign_in_file.hpp"
#include "subscriptions/credentials/token_source.hpp"
#include "subscriptions/graph/explain.hpp"
#include "subscriptions/graph/graph_client.hpp"

#include <fmt/format.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <unistd.h>

namespace graphhook::app::doctor {
namespace {

using std::chrono::milliseconds;
using subscriptions::Tenant;
using subscriptions::WantedSubscription;

constexpr milliseconds kNoticed{10'000};
constexpr milliseconds kBroken{120'000};

std::string_view credential_name(const Tenant& tenant) {
    struct Name {
        std::string_view operator()(const subscriptions::ClientSecret&) { return "client secret"; }
        std::string_view operator()(const subscriptions::ClientCertificate&) {
            return "certificate";
        }
        std::string_view operator()(const subscriptions::FederatedToken&) {
            return "federated token";
        }
        std::string_view operator()(const subscriptions::ManagedIdentity&) {
            return "managed identity";
        }
        std::string_view operator()(const subscriptions::SignedInUser&) { return "signed-in user"; }
    };
    return std::visit(Name(), tenant.credential);
}

Findings judge_permissions(
    const TenantFacts& facts, const std::vector<WantedSubscription>& wanted
) {
    const auto& name = facts.tenant.name;
    if (!facts.granted.readable)
        return {warn(
            "permissions", name, "what the token permits can not be read from it",
            "compare the permissions of the app registration with docs/kinds.md"
        )};
    Findings found;
    const auto account = account_of(facts.tenant);
    std::size_t checked = 0;
    for (const auto& one : wanted) {
        if (one.tenant != name) continue;
        ++checked;
        for (const auto* resource : {&one.resource, &one.for_each}) {
            if (resource->empty()) continue;
            const auto needed = subscriptions::permissions_for(*resource, account);
            if (subscriptions::suffice(needed, facts.granted.names)) continue;
            found.push_back(fail(
                "permissions", fmt::format("{}/{}", name, one.name),
                fmt::format(
                    "the token lacks {} for '{}'; it has {}", fmt::join(needed.any_of, " or "),
                    *resource,
                    facts.granted.names.empty()
                        ? std::string("none")
                        : fmt::format("{}", fmt::join(facts.granted.names, ", "))
                ),
                facts.tenant.delegated()
                    ? fmt::format(
                          "add {} to 'scopes' and run 'graphhook login {}'", needed.any_of.front(),
                          name
                      )
                    : fmt::format(
                          "grant the application permission {} in the app registration, with "
                          "admin consent",
                          needed.any_of.front()
                      )
            ));
        }
    }
    if (found.empty())
        found.push_back(
            ok("permissions", name,
               fmt::format(
                   "the token permits what {} needs, as far as documented",
                   checked == 1 ? std::string("its subscription")
                                : fmt::format("each of its {} subscriptions", checked)
               ))
        );
    return found;
}

std::optional<SystemTime> date_of(const HttpResponse& response) {
    const auto date = response.header("date");
    return date ? parse_http_date(std::string(*date)) : std::nullopt;
}

ClockReading read_clock(const std::string& base, HttpClient& http, Clock& clock) {
    ClockReading reading;
    reading.who = base;
    HttpRequest request;
    request.url = base + "/";
    reading.before = clock.system_now();
    const auto response = http.send(request, {});
    reading.after = clock.system_now();
    if (!response) {
        reading.trouble = response.error().detail;
    } else if (reading.theirs = date_of(*response); !reading.theirs) {
        reading.trouble = "the reply has no Date header";
    }
    return reading;
}

/// Files that have to be there before anything can be asked.
std::string trouble_with_files(const Tenant& tenant) {
    if (const auto* user = std::get_if<subscriptions::SignedInUser>(&tenant.credential)) {
        if (const auto read = subscriptions::read_sign_in(user->token_file); !read) {
            // What to do is said with the tenant's name.
            const auto& detail = read.error().detail;
            return detail.substr(0, detail.find(": run graphhook login"));
        }
    }
    if (const auto* token = std::get_if<subscriptions::FederatedToken>(&tenant.credential)) {
        if (::access(token->token_file.c_str(), R_OK) != 0)
            return fmt::format("'{}' can not be read", token->token_file);
    }
    return {};
}

}  // namespace

std::optional<SystemTime> parse_http_date(const std::string& text) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end == nullptr || *end != '\0') return std::nullopt;
    return SystemTime(std::chrono::seconds(::timegm(&parts)));
}

Finding judge_clock(const ClockReading& reading) {
    if (!reading.theirs)
        return warn(
            "clock", reading.who, fmt::format("it did not tell the time: {}", reading.trouble),
            "see whether this machine reaches it"
        );
    // A Date header counts whole seconds; the reply was made some time between the two readings.
    const auto middle = reading.before + (reading.after - reading.before) / 2;
    const auto theirs = *reading.theirs + milliseconds(500);
    const auto apart = std::chrono::duration_cast<milliseconds>(middle - theirs);
    const auto doubt = milliseconds(500) +
                       std::chrono::duration_cast<milliseconds>(reading.after - reading.before) / 2;
    const auto surely = std::max(milliseconds(0), milliseconds(std::abs(apart.count())) - doubt);
    const auto text = fmt::format(
        "this machine's clock is {:.0f} s {} its clock",
        static_cast<double>(std::abs(apart.count())) / 1'000,
        apart.count() > 0 ? "ahead of" : "behind"
    );
    const auto* remedy = "keep the time by NTP (systemctl enable --now systemd-timesyncd)";
    if (surely >= kBroken) return fail("clock", reading.who, text, remedy);
    if (surely >= kNoticed) return warn("clock", reading.who, text, remedy);
    return ok("clock", reading.who, "this machine's clock agrees with it");
}

Findings judge_tenant(
    const TenantFacts& facts, const std::vector<WantedSubscription>& wanted, SystemTime now
) {
    Findings found;
    const auto& tenant = facts.tenant;
    if (!facts.file_trouble.empty()) {
        found.push_back(fail(
            "token", tenant.name, facts.file_trouble,
            tenant.delegated() ? fmt::format("run 'graphhook login {}'", tenant.name)
                               : "see who writes the file, and whether we may read it"
        ));
    } else if (facts.token_error) {
        const auto known = subscriptions::explain(
            *facts.token_error, {.operation = "token", .delegated = tenant.delegated()}
        );
        found.push_back(fail("token", tenant.name, known.cause, known.remedy));
    } else {
        found.push_back(
            ok("token", tenant.name,
               fmt::format("the identity platform grants one ({})", credential_name(tenant)))
        );
        for (auto& one : judge_permissions(facts, wanted)) found.push_back(std::move(one));
    }
    if (facts.expiry) {
        const bool secret = facts.expiry->which == "client_secret";
        found.push_back(judge_end(
            "credential", tenant.name, secret ? "the client secret" : "the certificate",
            facts.expiry->at, now,
            secret ? "make a new client secret in the app registration and put it into the file"
                   : "make a new certificate, register it with the application, then replace the "
                     "files"
        ));
    }
    for (const auto& clock : facts.clocks) found.push_back(judge_clock(clock));
    return found;
}

TenantFacts gather_tenant(const Tenant& tenant, HttpClient& http, Clock& clock) {
    TenantFacts facts;
    facts.tenant = tenant;
    facts.clocks.push_back(read_clock(tenant.cloud.login, http, clock));
    facts.clocks.push_back(read_clock(tenant.cloud.graph, http, clock));
    facts.expiry = subscriptions::credential_expiry(tenant);
    facts.file_trouble = trouble_with_files(tenant);
    if (!facts.file_trouble.empty()) return facts;
    prometheus::Registry registry;
    subscriptions::Metrics metrics(registry);
    const auto tokens = subscriptions::make_token_source(
        tenant, subscriptions::TokenParts{.http = http, .clock = clock, .metrics = metrics}
    );
    const auto token = tokens->get({});
    if (!token) {
        facts.token_error = token.error();
        return facts;
    }
    facts.granted = subscriptions::granted_permissions(*token);
    subscriptions::GraphClient graph(
        tenant.cloud.graph,
        {.http = http, .tokens = *tokens, .clock = clock, .metrics = metrics, .random = random_hex}
    );
    // Most tokens may not ask for it, which is no fault.
    if (const auto expiry = subscriptions::credential_expiry(tenant, graph, {}); expiry && *expiry)
        facts.expiry = *expiry;
    return facts;
}

}  // namespace graphhook::app::doctor
