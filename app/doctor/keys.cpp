#include "app/doctor/keys.hpp"

#include "app/api/reason_words.hpp"
#include "app/service/key_states.hpp"
#include "authenticity/fetch_key_set.hpp"
#include "authenticity/reason.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace graphhook::app::doctor {
namespace {

using authenticity::EncryptionKey;
using authenticity::Reason;

constexpr std::chrono::hours kSoon{30 * 24};
constexpr const char* kCheck = "keys";

Finding judge_folder(const KeyFacts& facts) {
    const auto& error = *facts.error;
    if (error.code == Errc::NotFound)
        return fail(
            kCheck, facts.folder,
            "there is no such folder, and subscriptions are to have resource data",
            "run 'graphhook keys create', or mend 'keys.folder'"
        );
    if (error.code == Errc::BadInput)
        return fail(
            kCheck, facts.folder, error.detail,
            fmt::format("chmod 700 '{}', and 600 for what is in it", facts.folder)
        );
    return fail(
        kCheck, facts.folder, fmt::format("it can not be read: {}", to_string(error)),
        "run doctor as the user of the service, and give that user the folder"
    );
}

/// Of a key that subscriptions use, or are to use.
Finding judge_life(
    const EncryptionKey& key, const std::string& role, SystemTime now, const std::string& remedy
) {
    const auto end = graphhook::to_text(std::chrono::floor<std::chrono::seconds>(key.not_after));
    if (key.not_after <= now)
        return fail(
            kCheck, key.id, fmt::format("the certificate ended on {}; {}", end, role), remedy
        );
    if (key.not_after - now < kSoon)
        return warn(
            kCheck, key.id,
            fmt::format(
                "the certificate ends on {}, in {} days; {}", end,
                std::chrono::duration_cast<std::chrono::hours>(key.not_after - now).count() / 24,
                role
            ),
            remedy
        );
    return ok(kCheck, key.id, fmt::format("good until {}; {}", end, role));
}

}  // namespace

KeyFacts gather_keys(const Config& config) {
    KeyFacts facts;
    facts.folder = config.keys.folder;
    facts.wanted = config.any_resource_data();
    auto read = authenticity::read_keyring(facts.folder, config.keys.passphrase);
    if (read) {
        facts.keyring = std::move(read->keyring);
        facts.problems = std::move(read->problems);
    } else {
        facts.error = read.error();
    }
    return facts;
}

Findings judge_keys(const KeyFacts& facts, const ServiceFacts& service, SystemTime now) {
    // Without resource data a folder that is not there, or is somebody else's, is nobody's concern.
    if (!facts.wanted && facts.keyring.keys().empty()) return {};
    if (facts.error) return {judge_folder(facts)};
    Findings found;
    for (const auto& problem : facts.problems)
        found.push_back(warn(
            kCheck, facts.folder, problem,
            "mend or remove the file; one that was read before stays in use until 'serve' restarts"
        ));
    const auto current = facts.keyring.current(now);
    if (current == nullptr) {
        auto finding =
            facts.wanted ? fail(
                               kCheck, facts.folder,
                               "no key is valid now: nothing with resource data can be subscribed",
                               "run 'graphhook keys create'"
                           )
                         : warn(
                               kCheck, facts.folder, "no key is valid now",
                               "run 'graphhook keys create' before a subscription has resource data"
                           );
        found.push_back(std::move(finding));
    } else {
        found.push_back(judge_life(
            *current, "new subscriptions use it", now,
            "run 'graphhook keys rotate': a new one is made and subscriptions are moved to it"
        ));
    }
    for (const auto& [id, count] : service.certificates) {
        if (current != nullptr && current->id == id) continue;
        if (id == kUnnamedCertificate) {
            found.push_back(warn(
                kCheck, "",
                fmt::format("{} subscriptions use a certificate that Graph does not name", count),
                "nothing: 'serve' gives them the current one"
            ));
            continue;
        }
        const auto key = facts.keyring.find(id, "");
        if (key == nullptr) {
            found.push_back(fail(
                kCheck, id,
                fmt::format("{} subscriptions use it, and its private key is not here", count),
                "put its file back into the folder; without it what Graph encrypts with it can not "
                "be read, and 'serve' moves the subscriptions to the current key"
            ));
            continue;
        }
        found.push_back(judge_life(
            *key, fmt::format("{} subscriptions still use it", count), now,
            "see 'graphhook subscriptions list' for why they were not moved to the current key"
        ));
    }
    return found;
}

std::string_view remedy_of(std::string_view label) noexcept {
    constexpr std::string_view kForged =
        "nothing, if it came from a stranger; see who can reach the public listener. If genuine "
        "notifications are among it: 'graphhook inspect' says which step fails";
    constexpr std::string_view kConfigured =
        "compare tenant_id and client_id of the configuration with the app registration that made "
        "the subscription; once they are right: 'graphhook quarantine retry --all'";
    constexpr std::string_view kKey =
        "see whether a file in keys.folder was exchanged under its old name; with the right one "
        "back: 'graphhook quarantine retry --all'";
    const auto reason = authenticity::reason_named(label);
    switch (reason.value_or(Reason::None)) {
        case Reason::TokensNull:
            return "set appRoleAssignmentRequired of the application's service principal to false, "
                   "or assign 'Microsoft Graph Change Tracking' (0bf30f3b-4a52-48df-9a82-"
                   "234910c4a086) an app role of it";
        case Reason::KeysMissing:
        case Reason::KeyUnknown:
            return "see that this machine reaches the identity platform; it goes on by itself";
        case Reason::ClockDoubtful:
            return "set this machine's clock and keep it by NTP; it goes on by itself";
        case Reason::TokenExpired:
        case Reason::TokenNotYetValid:
            return "keep the time by NTP: what counts is the time of receipt by this machine's "
                   "clock, so a retry says the same; what they told is read from Graph, or swept";
        case Reason::NoPrivateKey:
            return "put the key of that certificate back into keys.folder; it goes on by itself";
        case Reason::TokenAudience:
        case Reason::TokenIssuer:
        case Reason::TokenCoverage:
            return kConfigured;
        case Reason::DataKey:
            return kKey;
        default:
            return kForged;
    }
}

Findings judge_unproved(const ServiceFacts& facts) {
    Findings found;
    if (!facts.store) return found;
    const auto& handlers = facts.store->at("handlers").as_array();
    const bool any = std::ranges::any_of(handlers, [](const boost::json::value& row) {
        return row.at("waiting").to_number<std::uint64_t>() > 0;
    });
    // What waited until a moment ago is no trouble.
    if (!any) return found;
    for (const auto& row : facts.unproved) {
        const std::string_view label = row.at("reason").as_string();
        const std::string_view detail = row.at("detail").as_string();
        const auto reason = authenticity::reason_named(label);
        auto what = fmt::format(
            "rich notifications wait for it since {}", std::string_view(row.at("since").as_string())
        );
        if (reason) what += fmt::format(": {}", in_words(*reason));
        if (!detail.empty()) what += fmt::format(" ({})", detail);
        found.push_back(warn(
            "proving", std::string(label), std::move(what),
            reason ? std::string(remedy_of(label))
                   : "see the log of 'serve' and docs/resource-data.md; it is tried again by itself"
        ));
    }
    return found;
}

Findings judge_quarantine(const ServiceFacts& facts) {
    Findings found;
    if (!facts.store) return found;
    const auto* counts = facts.store->if_contains("quarantined");
    if (counts == nullptr || !counts->is_object()) return found;
    for (const auto& [label, count] : counts->as_object()) {
        const auto number = count.to_number<std::uint64_t>();
        if (number == 0) continue;
        const auto reason = authenticity::reason_named(label);
        found.push_back(warn(
            "quarantine", std::string(label),
            fmt::format(
                "{} proved false{}", number,
                reason ? fmt::format(": {}", in_words(*reason)) : std::string()
            ),
            fmt::format(
                "{}. See 'graphhook quarantine list --reason {}'", remedy_of(label),
                std::string_view(label)
            )
        ));
    }
    if (found.empty()) found.push_back(ok("quarantine", "", "it is empty"));
    return found;
}

Findings try_key_sets(const subscriptions::Cloud& cloud, HttpClient& http, const Clock& clock) {
    for (const auto version : {authenticity::Version::V1, authenticity::Version::V2}) {
        const auto fetched = authenticity::fetch_key_set(
            {.login = cloud.login, .version = version, .issuer = {}, .jwks_uri = {}}, http, clock,
            {}
        );
        if (fetched.outcome == authenticity::Fetched::Outcome::Ok) continue;
        return {fail(
            "key-sets", cloud.login,
            fmt::format(
                "the keys that it signs tokens with can not be fetched ({}): {}",
                authenticity::to_string(fetched.outcome), for_log(fetched.detail, 300)
            ),
            "see that this machine reaches it (firewall, HTTPS_PROXY, ca_file); what was fetched "
            "before proves for seven days"
        )};
    }
    return {ok("key-sets", cloud.login, "the keys that it signs tokens with can be fetched")};
}

}  // namespace graphhook::app::doctor
