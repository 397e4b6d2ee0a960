#include "app/cli/inspect_print.hpp"

#include "app/api/json_views.hpp"
#include "app/api/reason_words.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <string_view>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using authenticity::Reason;

constexpr std::size_t kMostText = 300;

json::value text_or_null(std::string_view text) {
    return text.empty() ? json::value() : json::value(text);
}

std::string_view state_name(InspectedItem::State state) {
    switch (state) {
        case InspectedItem::State::NotChecked:
            return "not_checked";
        case InspectedItem::State::Right:
            return "right";
        case InspectedItem::State::Wrong:
            return "wrong";
        case InspectedItem::State::Absent:
            return "absent";
    }
    return "not_checked";
}

std::string_view reason_name(Reason reason) {
    return reason == Reason::None ? "genuine" : to_string(reason);
}

json::object to_json(const InspectedToken& token) {
    return {
        {"alg", text_or_null(token.algorithm)},  {"kid", text_or_null(token.kid)},
        {"ver", text_or_null(token.version)},    {"tid", text_or_null(token.tenant_id)},
        {"aud", text_or_null(token.audience)},   {"iss", text_or_null(token.issuer)},
        {"nbf", time_or_null(token.not_before)}, {"exp", time_or_null(token.expires)},
        {"verdict", reason_name(token.reason)},  {"explanation", in_words(token.reason)},
    };
}

/// What was decrypted; it was found to be JSON before.
json::value resource_of(const InspectedItem& item) {
    boost::system::error_code error;
    auto value = json::parse(item.data.reveal(), error);
    return error ? json::value() : value;
}

/// JSON fit for a terminal: of control characters JSON itself lets these through.
std::string terminal_text(const json::value& value) {
    std::string out;
    const std::string text = json::serialize(value);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1])
                                              : static_cast<unsigned char>(0);
        if (byte == 0x7f) {
            out += "\\u007f";
        } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {
            out += fmt::format("\\u00{:02x}", next);
            ++i;
        } else {
            out += text[i];
        }
    }
    return out;
}

json::object content_json(const InspectedItem& item, Reveal reveal) {
    json::object out{
        {"certificate_id", text_or_null(item.certificate_id)},
        {"thumbprint", text_or_null(item.thumbprint)},
        {"key", text_or_null(item.key)},
        {"verdict", *item.content == Reason::None ? "decrypted" : to_string(*item.content)},
    };
    if (*item.content != Reason::None) {
        out["explanation"] = in_words(*item.content);
        return out;
    }
    out["bytes"] = item.data.reveal().size();
    if (reveal == Reveal::Yes) out["resource"] = resource_of(item);
    return out;
}

json::object to_json(const InspectedItem& item, Reveal reveal) {
    json::object out{
        {"accepted", !item.refused.has_value()},
        {"good", item.good},
        {"outcome", item.outcome},
        {"subscription_id", text_or_null(item.subscription_id)},
        {"known", item.known ? json::value(*item.known) : json::value()},
        {"subscription", text_or_null(item.subscription)},
        {"kind", text_or_null(item.kind)},
        {"tenant", text_or_null(item.tenant)},
        {"client_state", state_name(item.client_state)},
        {"refused", item.refused ? json::value(receiver::to_string(*item.refused)) : json::value()},
        {"change", text_or_null(item.change)},
        {"lifecycle", item.lifecycle},
        {"resource", text_or_null(item.resource)},
        {"resource_data", item.rich},
        {"proof", item.proof ? json::value(reason_name(*item.proof)) : json::value()},
        {"proof_detail", text_or_null(item.proof_detail)},
        {"content", item.content ? json::value(content_json(item, reveal)) : json::value()},
    };
    json::array handlers;
    for (const auto& route : item.handlers)
        handlers.push_back(json::object{{"handler", route.handler}, {"resource", route.data}});
    out["handlers"] = std::move(handlers);
    return out;
}

/// Lines of "name  value", below a title.
class Lines {
  public:
    void title(std::string_view text, std::string_view rest) {
        if (!out_.empty()) out_ += '\n';
        out_ += fmt::format("{}: {}\n", text, rest);
    }
    void line(std::string_view name, std::string_view value) {
        if (!value.empty()) out_ += fmt::format("  {:<14} {}\n", name, value);
    }
    void said(std::string_view name, std::string_view value) {
        line(name, for_log(value, kMostText));
    }
    std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

std::string verdict_text(Reason reason, std::string_view good) {
    if (reason == Reason::None) return std::string(good);
    return fmt::format("{}: {}", to_string(reason), in_words(reason));
}

void put_token(Lines& lines, const InspectedToken& token, std::size_t number) {
    lines.title(
        fmt::format("token {}", number), token.reason == Reason::None ? "genuine" : "not genuine"
    );
    lines.said("algorithm", token.algorithm);
    lines.said("key (kid)", token.kid);
    lines.said("version", token.version);
    lines.said("tenant (tid)", token.tenant_id);
    lines.said("for (aud)", token.audience);
    lines.said("issuer", token.issuer);
    if (token.not_before && token.expires) {
        lines.line(
            "valid", fmt::format("{} to {}", to_text(*token.not_before), to_text(*token.expires))
        );
    }
    lines.line(
        "verdict",
        verdict_text(token.reason, "signed by a known key, by Graph, for us, in its time")
    );
}

std::string known_text(const InspectedItem& item) {
    if (!item.known) return "not known here (no store to ask)";
    if (!*item.known) return "unknown";
    return item.subscription.empty() ? "known" : fmt::format("'{}'", item.subscription);
}

std::string content_text(const InspectedItem& item) {
    if (item.key.empty())
        return fmt::format("{}: {}", to_string(*item.content), in_words(*item.content));
    std::string text = fmt::format("with the key '{}'", for_log(item.key));
    if (!item.key_by_name) text += " (which has neither its id nor its thumbprint)";
    if (*item.content == Reason::None)
        return fmt::format("{}: {} bytes of JSON", text, item.data.reveal().size());
    return fmt::format("{}: {}: {}", text, to_string(*item.content), in_words(*item.content));
}

void put_item(Lines& lines, const InspectedItem& item, std::size_t number, Reveal reveal) {
    lines.title(fmt::format("item {}", number), item.outcome);
    lines.said("subscription", known_text(item));
    lines.said("", item.subscription_id);
    switch (item.client_state) {
        case InspectedItem::State::NotChecked:
            lines.line("client state", "not checked");
            break;
        case InspectedItem::State::Right:
            lines.line("client state", "right");
            break;
        case InspectedItem::State::Wrong:
            lines.line("client state", "wrong");
            break;
        case InspectedItem::State::Absent:
            lines.line("client state", "absent");
            break;
    }
    lines.said("tenant", item.tenant);
    lines.said("kind", item.kind);
    lines.said(item.lifecycle ? "lifecycle" : "change", item.change);
    lines.said("resource", item.resource);
    lines.line("resource data", item.rich ? "yes, encrypted" : "no: needs no token");
    if (item.proof) {
        lines.line("proof", verdict_text(*item.proof, "a token of its tenant and application"));
        lines.line("", item.proof_detail);
    }
    if (item.content) {
        if (!item.certificate_id.empty() || !item.thumbprint.empty()) {
            lines.line(
                "certificate", fmt::format(
                                   "'{}', thumbprint {}", for_log(item.certificate_id, kMostText),
                                   for_log(item.thumbprint, kMostText)
                               )
            );
        }
        lines.line("decryption", content_text(item));
        if (*item.content == Reason::None && reveal == Reveal::Yes)
            lines.line("content", terminal_text(resource_of(item)));
    }
    const bool proved = !item.refused && (!item.proof || *item.proof == Reason::None);
    for (const auto& route : item.handlers) {
        const bool gets = proved && (!route.data || !item.content || *item.content == Reason::None);
        lines.line(
            gets ? "goes to" : "would go to",
            route.data ? route.handler + ", with the resource" : route.handler
        );
    }
}

}  // namespace

json::object to_json(const Inspection& inspection, Reveal reveal) {
    json::array tokens, items, notes;
    for (const auto& token : inspection.tokens) tokens.push_back(to_json(token));
    for (const auto& item : inspection.items) items.push_back(to_json(item, reveal));
    for (const auto& note : inspection.notes) notes.push_back(json::value(note));
    return {
        {"good", inspection.good},
        {"received_at", to_text(inspection.received_at)},
        {"bytes", inspection.bytes},
        {"status", inspection.status},
        {"reply", inspection.reply},
        {"tokens_verdict", inspection.tokens_reason == Reason::None
                               ? json::value()
                               : json::value(to_string(inspection.tokens_reason))},
        {"tokens", std::move(tokens)},
        {"items", std::move(items)},
        {"notes", std::move(notes)},
    };
}

std::string inspection_text(const Inspection& inspection, Reveal reveal) {
    Lines lines;
    lines.title(
        "body",
        fmt::format(
            "{} bytes, answered {}: {}", inspection.bytes, inspection.status, inspection.reply
        )
    );
    lines.line("as received", to_text(inspection.received_at));
    for (const auto& note : inspection.notes) lines.said("note", note);
    if (inspection.tokens_reason != Reason::None) {
        lines.title("tokens", "none to judge");
        lines.line("verdict", verdict_text(inspection.tokens_reason, ""));
    }
    for (std::size_t i = 0; i < inspection.tokens.size(); ++i)
        put_token(lines, inspection.tokens[i], i + 1);
    for (std::size_t i = 0; i < inspection.items.size(); ++i)
        put_item(lines, inspection.items[i], i + 1, reveal);
    return lines.take();
}

}  // namespace graphhook::app
