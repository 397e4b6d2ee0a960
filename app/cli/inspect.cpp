#include "app/cli/inspect.hpp"

#include "app/api/reason_words.hpp"
#include "app/service/lifecycle_lane.hpp"
#include "authenticity/resource_data.hpp"
#include "authenticity/token.hpp"
#include "core/base64.hpp"
#include "core/text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using authenticity::Reason;
using authenticity::TokenVerdict;

std::string text_member(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr) return {};
    if (value->is_array() && !value->get_array().empty()) value = &value->get_array().front();
    return value->is_string() ? std::string(value->get_string()) : std::string();
}

/// One of the parts of a token, for show only: nothing is decided by it.
json::object part_of(std::string_view part) {
    const auto text = from_base64(part);
    if (!text) return {};
    boost::system::error_code error;
    auto value = json::parse(*text, error);
    return !error && value.is_object() ? std::move(value.get_object()) : json::object();
}

InspectedToken shown(std::string_view token, const TokenVerdict& verdict, SystemTime received_at) {
    InspectedToken out;
    const auto first = token.find('.');
    const auto second = first == token.npos ? token.npos : token.find('.', first + 1);
    if (second != token.npos && token.size() <= authenticity::kLongestToken) {
        const auto header = part_of(token.substr(0, first));
        const auto claims = part_of(token.substr(first + 1, second - first - 1));
        out.algorithm = text_member(header, "alg");
        out.kid = text_member(header, "kid");
        out.version = text_member(claims, "ver");
        out.tenant_id = text_member(claims, "tid");
        out.audience = text_member(claims, "aud");
        out.issuer = text_member(claims, "iss");
    }
    if (verdict.expires != SystemTime{}) out.expires = verdict.expires;
    if (verdict.not_before != SystemTime{}) out.not_before = verdict.not_before;
    // Of its own tenant and application it proves all but its time.
    out.reason = verdict.reason != Reason::None
                     ? verdict.reason
                     : authenticity::judge_item(
                           std::span(&verdict, 1),
                           {verdict.tenant_id, verdict.client_id, verdict.login}, received_at, false
                       );
    return out;
}

/// Whether the verdicts are about elements, and not about there being none.
bool of_elements(std::span<const TokenVerdict> verdicts, const json::value& tokens) {
    return tokens.is_array() && !tokens.get_array().empty() &&
           tokens.get_array().size() == verdicts.size();
}

void show_tokens(Inspection& out, const std::string& text, std::span<const TokenVerdict> verdicts) {
    boost::system::error_code error;
    const auto tokens = text.empty() ? json::value() : json::parse(text, error);
    if (error || !of_elements(verdicts, tokens)) {
        if (!verdicts.empty()) out.tokens_reason = verdicts.front().reason;
        return;
    }
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
        const auto& token = tokens.get_array()[i];
        out.tokens.push_back(shown(
            token.is_string() ? std::string_view(token.get_string()) : std::string_view(),
            verdicts[i], out.received_at
        ));
    }
}

std::string_view fault_words(receiver::PayloadFault fault) {
    switch (fault) {
        case receiver::PayloadFault::None:
            break;
        case receiver::PayloadFault::NotJson:
            return "it is not JSON in UTF-8, or nested too deeply";
        case receiver::PayloadFault::WrongShape:
            return "it is not an object with an array 'value'";
        case receiver::PayloadFault::TooManyItems:
            return "it has more items than receiver.limits.items";
    }
    return "";
}

/// What all items of the body have in common.
struct Post {
    const InspectFacts& facts;
    std::vector<TokenVerdict> verdicts;
};

/// Says whether it is ours, as intake does; the subscription where it is known.
store::KnownPtr look_up(
    const receiver::PayloadItem& item, const InspectFacts& facts, InspectedItem& out
) {
    using State = InspectedItem::State;
    static const store::KnownSubscriptions nobody({});
    auto found =
        receiver::look_up(item, facts.known != nullptr ? *facts.known : nobody, facts.tenant_ids);
    if (found.known == nullptr && !found.refused) {
        if (facts.known == nullptr) return nullptr;
        found = receiver::look_up_asked(item, nullptr, facts.tenant_ids);
    }
    out.refused = found.refused;
    if (found.refused == receiver::Refusal::ClientState) {
        out.known = true;
        out.client_state = item.has_state ? State::Wrong : State::Absent;
    } else if (found.known != nullptr || found.refused == receiver::Refusal::ForeignTenant) {
        out.known = true;
        out.client_state = State::Right;
    } else if (found.refused == receiver::Refusal::UnknownSubscription) {
        out.known = false;
    }
    return found.known;
}

/// Whom it may prove: the subscription's tenant; where that is not known, those that the item
/// names.
std::vector<const ProvenTenant*> tenants_of(
    const receiver::PayloadItem& item, const InspectedItem& out, const InspectFacts& facts
) {
    const auto& named = item.tenant_id.empty() ? item.organization_id : item.tenant_id;
    std::vector<const ProvenTenant*> found;
    for (const auto& tenant : facts.tenants) {
        const bool fits = out.tenant.empty()
                              ? named.empty() || same_letters(named, tenant.expected.tenant_id)
                              : out.tenant == tenant.name;
        if (fits) found.push_back(&tenant);
    }
    return found;
}

void prove(const receiver::PayloadItem& item, const Post& post, InspectedItem& out) {
    const auto tenants = tenants_of(item, out, post.facts);
    if (tenants.empty()) {
        out.proof = Reason::TokenCoverage;
        out.proof_detail = "no tenant is configured that it could be of";
        return;
    }
    for (const auto* tenant : tenants) {
        const auto reason = authenticity::judge_item(
            post.verdicts, tenant->expected, post.facts.received_at,
            post.facts.sets->clock_doubtful()
        );
        if (!out.proof || reason == Reason::None) {
            out.proof = reason;
            out.proof_detail = describe_tokens(post.verdicts, reason, tenant->expected);
        }
        if (reason == Reason::None) {
            out.tenant = tenant->name;
            return;
        }
    }
}

void decrypt(const receiver::PayloadItem& item, const InspectFacts& facts, InspectedItem& out) {
    auto read = authenticity::read_encrypted_content(item.body);
    if (const auto* reason = std::get_if<Reason>(&read)) {
        out.content = *reason;
        return;
    }
    const auto& content = std::get<authenticity::EncryptedContent>(read);
    out.certificate_id = content.certificate_id;
    out.thumbprint = content.thumbprint;
    std::vector<authenticity::EncryptionKeyPtr> keys;
    if (auto key = facts.keyring.find(content.certificate_id, content.thumbprint)) {
        keys.push_back(std::move(key));
    } else if (facts.try_any_key) {
        keys = facts.keyring.keys();
        out.key_by_name = false;
    }
    out.content = Reason::NoPrivateKey;
    for (const auto& key : keys) {
        auto plain = authenticity::decrypt(content, *key);
        out.key = key->id;
        if (auto* data = std::get_if<Secret>(&plain)) {
            out.content = Reason::None;
            out.data = std::move(*data);
            return;
        }
        out.content = std::get<Reason>(plain);
    }
}

void route(
    const receiver::PayloadItem& item, const store::KnownPtr& known, const InspectFacts& facts,
    InspectedItem& out
) {
    auto copy = item;
    receiver::PostTokens none;
    const auto made = receiver::make_item(copy, *known, none);
    if (LifecycleLane::accepts(*made.stream)) {
        out.handlers.push_back({"subscriptions", false});
    }
    for (const auto& handler : facts.handlers) {
        if (handler.accepts(*made.stream))
            out.handlers.push_back({handler.name, item.rich && handler.wants_data});
    }
}

std::string handlers_text(const InspectedItem& item, bool those_with_data = true) {
    if (!item.known) return "its handlers are not known here";
    std::string text;
    for (const auto& route : item.handlers) {
        if (route.data && !those_with_data) continue;
        text += text.empty() ? "handed to " : ", ";
        text += route.handler;
        if (route.data) text += " (with the resource)";
    }
    return text.empty() ? "no handler takes it" : text;
}

void conclude(InspectedItem& item) {
    const auto held = [](Reason reason) {
        return fmt::format(
            "accepted, then {}: {}",
            authenticity::may_be_proved_later(reason) ? "it waits" : "it goes to the quarantine",
            in_words(reason)
        );
    };
    if (item.refused) {
        item.outcome = fmt::format("refused: {}", in_words(*item.refused));
        return;
    }
    if (item.proof && *item.proof != Reason::None) {
        item.outcome = held(*item.proof);
        return;
    }
    if (item.content && *item.content != Reason::None) {
        const auto wants = [](const auto& one) { return one.data; };
        const bool wanted = !item.known || std::ranges::any_of(item.handlers, wants);
        item.outcome = wanted ? held(*item.content)
                              : fmt::format(
                                    "accepted and proved, {}; nobody wants the resource, which "
                                    "could not be decrypted: {}",
                                    handlers_text(item), in_words(*item.content)
                                );
        // Who does not want the resource is not kept from the rest.
        if (wanted && item.known && !std::ranges::all_of(item.handlers, wants))
            item.outcome += "; " + handlers_text(item, false);
        return;
    }
    item.good = true;
    item.outcome =
        fmt::format("accepted{}, {}", item.rich ? " and proved" : "", handlers_text(item));
}

InspectedItem inspect_item(const receiver::PayloadItem& item, const Post& post) {
    InspectedItem out;
    out.subscription_id = item.subscription_id;
    out.resource = item.resource;
    out.lifecycle = !item.lifecycle_event.empty();
    out.change = out.lifecycle ? item.lifecycle_event : item.change;
    out.rich = item.rich;
    const auto known = look_up(item, post.facts, out);
    if (known != nullptr) {
        out.subscription = known->family->name;
        out.kind = known->family->kind;
        out.tenant = known->family->tenant;
        route(item, known, post.facts, out);
    }
    if (!out.refused && out.rich) {
        prove(item, post, out);
        decrypt(item, post.facts, out);
    }
    conclude(out);
    return out;
}

}  // namespace

Inspection inspect_body(const InspectFacts& facts) {
    Inspection out;
    out.received_at = facts.received_at;
    out.bytes = facts.body.size();
    out.notes = facts.notes;
    const auto refuse = [&](unsigned status, std::string_view why) {
        out.status = status;
        out.reply = why;
        return out;
    };
    if (facts.body.empty()) return refuse(202, "it is empty: nothing is stored");
    if (facts.body.size() > facts.limits.body_bytes)
        return refuse(413, "it is larger than receiver.limits.body_bytes");
    receiver::PayloadParser parser(facts.limits.items, facts.limits.json_depth);
    const auto fault = parser.parse(facts.body);
    if (fault != receiver::PayloadFault::None)
        return refuse(
            fault == receiver::PayloadFault::TooManyItems ? 413 : 400, fault_words(fault)
        );

    const auto items = parser.items();
    const bool rich =
        std::any_of(items.begin(), items.end(), [](const auto& item) { return item.rich; });
    const auto tokens = parser.take_tokens();
    std::vector<authenticity::Expected> ours;
    for (const auto& tenant : facts.tenants) ours.push_back(tenant.expected);
    Post post{facts, {}};
    if (rich || !tokens.empty()) {
        post.verdicts = authenticity::judge_tokens(tokens, *facts.sets, ours, facts.received_at);
        show_tokens(out, tokens, post.verdicts);
    }
    for (const auto& item : items) out.items.push_back(inspect_item(item, post));
    out.good = !out.items.empty() &&
               std::all_of(out.items.begin(), out.items.end(), [](auto& one) { return one.good; });
    const auto stored = std::count_if(out.items.begin(), out.items.end(), [](const auto& one) {
        return !one.refused;
    });
    out.reply = out.items.empty() ? "it holds no items: nothing is stored"
                                  : fmt::format("{} of {} items stored", stored, out.items.size());
    return out;
}

}  // namespace graphhook::app
