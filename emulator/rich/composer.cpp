#include "emulator/rich/composer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace graphhook::emulator {
namespace {

constexpr std::uint64_t kVeryMany = 1'000;
constexpr std::string_view kNotJson = "This is no JSON.";

bool is_forged(const Item& item, Forged what) {
    return item.forgery != nullptr && item.forgery->what == what;
}

TokenOwner owner_of(const Item& item) {
    const Subscription& subscription = *item.subscription;
    return {
        subscription.url_app.empty() ? subscription.app : subscription.url_app, subscription.tenant
    };
}

/// The good token is not to be in the POST.
bool withholds_token(const Item& item) {
    return item.forgery != nullptr && !item.beside_good &&
           item.forgery->scope != ForgeryScope::Item && item.forgery->verdict != Verdict::Deliver;
}

void flip_a_bit(std::string& base64) {
    if (base64.empty()) return;
    base64.front() = base64.front() == 'A' ? 'B' : 'A';
}

/// `,"encryptedContent":{…}` (protocol 7.3).
void add_content(std::string& out, const Item& item, const EncryptedContent& content) {
    const Subscription& subscription = *item.subscription;
    const auto without = [&](Forged what) { return is_forged(item, what); };
    if (without(Forged::ContentText)) {
        out += R"(,"encryptedContent":"encrypted")";
        return;
    }
    if (without(Forged::ContentEmpty)) {
        out += R"(,"encryptedContent":{})";
        return;
    }
    const bool strange = is_forged(item, Forged::UnknownCertificate);
    const bool strange_id = strange || is_forged(item, Forged::UnknownCertificateId);
    out += R"(,"encryptedContent":{)";
    bool first = true;
    const auto add = [&](std::string_view name, std::string_view value) {
        if (!first) out += ',';
        first = false;
        out += '"';
        out += name;
        out += "\":";
        append_json_string(out, value);
    };
    // Base64 needs no escapes, and is long.
    const auto add_base64 = [&](std::string_view name, std::string_view value) {
        add(name, "");
        out.pop_back();
        out += value;
        out += '"';
    };
    if (!without(Forged::NoData)) add_base64("data", content.data);
    if (!without(Forged::NoDataSignature)) add_base64("dataSignature", content.data_signature);
    if (!without(Forged::NoDataKey)) add_base64("dataKey", content.data_key);
    add("encryptionCertificateId",
        strange_id ? std::string_view("nobody-gave-this-id") : subscription.certificate_id);
    if (!without(Forged::NoThumbprint)) {
        add("encryptionCertificateThumbprint",
            strange ? std::string_view("0123456789ABCDEF0123456789ABCDEF01234567")
                    : subscription.certificate->thumbprint());
    }
    out += '}';
}

/// What stands in place of the array; empty: the member is not there.
std::string forged_member(Forged what, const std::string& good) {
    switch (what) {
        case Forged::TokensNull:
            return "null";
        case Forged::TokensNullElement:
            return "[null]";
        case Forged::TokensEmpty:
            return "[]";
        case Forged::TokensText:
            return "\"" + good + "\"";
        default:
            return {};
    }
}

}  // namespace

bool may_travel_together(const Item& one, const Item& other) {
    if (one.plaintext == nullptr || other.plaintext == nullptr) return true;
    const auto spoils = [](const Item& a, const Item& b) {
        if (!withholds_token(a)) return false;
        if (a.forgery == b.forgery && !b.beside_good) return false;
        return a.forgery->scope == ForgeryScope::Post || owner_of(a) == owner_of(b) ||
               (b.forgery != nullptr && b.forgery->scope == ForgeryScope::Post);
    };
    return !spoils(one, other) && !spoils(other, one);
}

const EncryptionCertificate& Composer::strange() {
    if (!strange_) strange_ = EncryptionCertificate::strange().value();
    return *strange_;
}

EncryptedContent Composer::content(const Item& item) {
    Recipe recipe;
    if (is_forged(item, Forged::ShortDataKey)) recipe.key_size = 31;
    recipe.oaep_sha256 = is_forged(item, Forged::OaepSha256);
    recipe.sign_text = is_forged(item, Forged::SignatureOverText);
    recipe.bad_padding = is_forged(item, Forged::WrongPadding);
    const auto& certificate =
        is_forged(item, Forged::ForeignDataKey) ? strange() : *item.subscription->certificate;
    const std::string_view plaintext =
        is_forged(item, Forged::NotJson) ? kNotJson : std::string_view(*item.plaintext);
    auto made = encrypt(certificate, plaintext, recipe);
    if (is_forged(item, Forged::WrongDataSignature)) flip_a_bit(made.data_signature);
    // 16 characters of base64 are 12 bytes: no whole block.
    if (is_forged(item, Forged::TruncatedData)) made.data.resize(16);
    if (is_forged(item, Forged::NotBase64)) made.data[0] = '!';
    return made;
}

std::vector<std::optional<EncryptedContent>> Composer::contents(const std::vector<Item>& items) {
    std::vector<std::optional<EncryptedContent>> made(items.size());
    std::optional<std::size_t> waiting;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (items[i].plaintext == nullptr) continue;
        made[i] = content(items[i]);
        if (!is_forged(items[i], Forged::SwappedData)) continue;
        if (waiting) {
            std::swap(made[*waiting]->data, made[i]->data);
            waiting.reset();
        } else {
            waiting = i;
        }
    }
    if (waiting) made[*waiting]->data = content(items[*waiting]).data;
    return made;
}

void Composer::add_tokens(std::string& body, const std::vector<Item>& items) {
    const auto version = tokens_.next_version();
    std::set<TokenOwner> owners;
    std::set<TokenOwner> withheld;
    std::vector<std::string> texts;
    std::set<std::pair<Forged, TokenOwner>> forged;
    for (const Item& item : items) {
        if (item.plaintext == nullptr) continue;
        const auto owner = owner_of(item);
        owners.insert(owner);
        if (withholds_token(item)) withheld.insert(owner);
        if (item.forgery == nullptr || item.forgery->scope == ForgeryScope::Item) continue;
        const auto what = item.forgery->what;
        if (what == Forged::ThousandTokens || what == Forged::ThousandBadTokens) {
            const auto bad = kVeryMany - (what == Forged::ThousandTokens ? 1 : 0);
            if (texts.empty()) {
                for (std::uint64_t i = 0; i < bad; ++i) texts.push_back(tokens_.bad(i));
            }
        } else if (item.forgery->scope == ForgeryScope::Post && !item.beside_good) {
            const auto member = forged_member(what, tokens_.genuine(owner, version));
            if (!member.empty()) body += R"(,"validationTokens":)" + member;
            return;
        } else if (item.forgery->scope == ForgeryScope::Token &&
                   forged.emplace(what, owner).second) {
            texts.push_back(tokens_.forged(what, owner, version));
        }
    }
    for (const TokenOwner& owner : owners) {
        if (!withheld.contains(owner)) texts.push_back(tokens_.genuine(owner, version));
    }
    body += R"(,"validationTokens":[)";
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (i != 0) body += ',';
        body += '"';
        body += texts[i];  // nothing in it needs an escape
        body += '"';
    }
    body += ']';
}

std::string Composer::body(const std::vector<Item>& items) {
    const auto contents_of = contents(items);
    std::string body = R"({"value":[)";
    bool rich = false;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (i != 0) body += ',';
        auto text = item_text(items[i]);
        if (const auto& content = contents_of[i]) {
            rich = true;
            text.pop_back();
            add_content(text, items[i], *content);
            text += '}';
        }
        body += text;
    }
    body += ']';
    if (rich) add_tokens(body, items);
    body += '}';
    return body;
}

}  // namespace graphhook::emulator
