#include "app/cli/inspect_gather.hpp"

#include "app/api/json_views.hpp"
#include "app/cli/offline.hpp"
#include "app/config/config_file.hpp"
#include "app/config/tool_config.hpp"
#include "app/service/handler_set.hpp"
#include "app/service/proving_keys.hpp"
#include "authenticity/keyring.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

namespace graphhook::app {
namespace {

using authenticity::Version;

/// At most a little more than what would be refused for its size.
std::string read_input(std::size_t most) {
    std::string text;
    std::array<char, 16'384> buffer{};
    while (text.size() <= most) {
        const auto count = std::fread(buffer.data(), 1, buffer.size(), stdin);
        if (count == 0) break;
        text.append(buffer.data(), count);
    }
    return text;
}

/// The issuer that a set of another authority than Microsoft's gets.
std::string issuer_of(const authenticity::KeySet& keys, const std::string& login, Version version) {
    for (const auto& key : keys.keys) {
        if (!key.issuer.empty() && (version == Version::V2) == key.issuer.ends_with("/v2.0"))
            return key.issuer;
    }
    return login + (version == Version::V2 ? "/{tenantid}/v2.0" : "/{tenantid}/");
}

/// Takes what a configuration and its store have into the facts.
class FromConfig {
  public:
    FromConfig(const CommandContext& context, InspectFacts& facts)
        : context_(context), facts_(facts) {}

    [[nodiscard]] std::optional<Refusal> take(
        const InspectArguments& arguments, const Secret& passphrase
    ) {
        config_ = load_for_tools(context_.config_path);
        if (!config_) return Refusal{kRefused, {}};
        facts_.tenants = proven_tenants(config_->subscriptions);
        facts_.tenant_ids = config_->receiver.tenant_ids;
        facts_.limits = config_->receiver.limits;
        for (const auto& handler : config_->handlers) {
            facts_.handlers.push_back(
                {handler.name, accepts_of(*config_, handler), handler.resource_data}
            );
        }
        if (auto refusal = take_store(arguments.jwks.empty())) return refusal;
        if (arguments.keys.empty()) take_keyring(passphrase);
        return std::nullopt;
    }

  private:
    std::optional<Refusal> take_store(bool with_key_sets) {
        auto offline = Offline::open(*config_);
        if (!offline && offline.error().code == Errc::NotFound) {
            facts_.notes.emplace_back(
                "there is no store yet: subscriptions and client states are not checked"
            );
            return std::nullopt;
        }
        if (!offline) {
            return Refusal{
                kRefused, fmt::format(
                              "the store '{}' can not be opened, {}", config_->store.url,
                              to_string(offline.error())
                          )
            };
        }
        auto& store = (*offline)->store();
        facts_.known = store.known();
        if (!with_key_sets) return std::nullopt;
        NoteShelf shelf(store);
        std::set<std::string> logins;
        for (const auto& tenant : facts_.tenants) logins.insert(tenant.expected.login);
        facts_.sets = std::make_shared<authenticity::KeySets>(stored_key_sets(shelf, logins));
        return std::nullopt;
    }

    void take_keyring(const Secret& passphrase) {
        auto read = authenticity::read_keyring(
            config_->keys.folder, passphrase.empty() ? config_->keys.passphrase : passphrase
        );
        if (!read) {
            facts_.notes.push_back(fmt::format(
                "keys.folder '{}' can not be read, {}", config_->keys.folder,
                to_string(read.error())
            ));
            return;
        }
        facts_.keyring = std::move(read->keyring);
        for (auto& problem : read->problems) facts_.notes.push_back(std::move(problem));
    }

    const CommandContext& context_;
    InspectFacts& facts_;
    std::optional<Config> config_;
};

std::optional<Refusal> take_tenant(const InspectArguments& arguments, InspectFacts& facts) {
    if (!is_guid(arguments.tenant_id) || !is_guid(arguments.client_id))
        return Refusal{kWrongUsage, "--tenant-id and --client-id go together and are GUIDs"};
    facts.tenants.push_back(
        {"given",
         {lowered(arguments.tenant_id), lowered(arguments.client_id), subscriptions::Cloud{}.login}}
    );
    return std::nullopt;
}

std::optional<Refusal> take_files(
    const InspectArguments& arguments, const FileReader& read, const Secret& passphrase,
    InspectFacts& facts
) {
    if (!arguments.jwks.empty()) {
        std::vector<std::string> documents;
        for (const auto& file : arguments.jwks) {
            auto text = read(file);
            if (!text) return Refusal{kWrongUsage, text.error().detail};
            documents.push_back(std::move(*text));
        }
        auto sets = key_sets_from(documents, facts.tenants, facts.received_at);
        if (!sets) return Refusal{kWrongUsage, "--jwks: " + sets.error().detail};
        facts.sets = std::make_shared<authenticity::KeySets>(std::move(*sets));
    }
    if (!arguments.keys.empty()) {
        std::vector<authenticity::EncryptionKeyPtr> keys;
        for (const auto& file : arguments.keys) {
            auto key = authenticity::read_key(file, passphrase);
            if (!key) return Refusal{kWrongUsage, "--key: " + key.error().detail};
            keys.push_back(std::move(*key));
        }
        facts.keyring = authenticity::Keyring(std::move(keys));
        facts.try_any_key = true;
    }
    return std::nullopt;
}

}  // namespace

Result<authenticity::KeySets> key_sets_from(
    const std::vector<std::string>& documents, const std::vector<ProvenTenant>& tenants,
    SystemTime at
) {
    std::set<std::string> logins;
    for (const auto& tenant : tenants) logins.insert(tenant.expected.login);
    authenticity::KeySets sets;
    for (const auto& document : documents) {
        for (const auto& login : logins) {
            for (const auto version : {Version::V1, Version::V2}) {
                auto set = authenticity::parse_key_set(document, login, version, {}, at);
                if (!set) return set.error();
                const auto known = authenticity::issuers_of(login, version);
                set->issuer = known.empty() ? issuer_of(*set, login, version) : known.front();
                sets.sets.push_back(std::move(*set));
            }
        }
    }
    return sets;
}

std::variant<InspectFacts, Refusal> gather_inspect(
    const CommandContext& context, const InspectArguments& arguments, Clock& clock
) {
    InspectFacts facts;
    facts.sets = std::make_shared<authenticity::KeySets>();
    facts.received_at = clock.system_now();
    if (!arguments.at.empty()) {
        const auto at = parse_moment(arguments.at, facts.received_at);
        if (!at) return Refusal{kWrongUsage, "--at: " + at.error().detail};
        facts.received_at = *at;
    }
    const auto read = file_system();
    Secret passphrase;
    if (!arguments.passphrase_file.empty()) {
        const auto text = read(arguments.passphrase_file);
        if (!text) return Refusal{kWrongUsage, text.error().detail};
        passphrase = Secret(text->substr(0, text->find_first_of("\r\n")));
    }
    const bool given = !arguments.tenant_id.empty() || !arguments.client_id.empty();
    // The usual file may be absent; one that was named may not.
    const bool usual = context.config_path == config_path({}, [](std::string_view) {
                           return std::optional<std::string>();
                       });
    std::optional<Refusal> refusal;
    if (given) {
        refusal = take_tenant(arguments, facts);
    } else if (usual && !std::filesystem::exists(context.config_path)) {
        facts.notes.emplace_back(
            "there is no configuration: give --tenant-id and --client-id to prove anything"
        );
    } else {
        refusal = FromConfig(context, facts).take(arguments, passphrase);
    }
    if (!refusal) refusal = take_files(arguments, read, passphrase, facts);
    if (refusal) return *refusal;
    if (facts.sets->sets.empty() && !facts.tenants.empty())
        facts.notes.emplace_back("there are no key sets: give --jwks");

    if (arguments.file.empty() || arguments.file == "-") {
        facts.body = read_input(facts.limits.body_bytes);
    } else if (auto body = read(arguments.file)) {
        facts.body = std::move(*body);
    } else {
        return Refusal{kWrongUsage, body.error().detail};
    }
    return facts;
}

}  // namespace graphhook::app
