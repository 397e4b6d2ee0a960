#include "handlers/opening.hpp"

#include "core/log.hpp"
#include "core/text.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <exception>

namespace graphhook::handlers {
namespace {

constexpr std::size_t kLongestLabel = 40;

bool is_label(std::string_view text) {
    return !text.empty() && text.size() <= kLongestLabel &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
           });
}

Opened waits(std::string_view reason, std::string detail) {
    Opened opened;
    opened.is = Opened::Is::Waits;
    opened.reason = reason;
    opened.detail = std::move(detail);
    return opened;
}

/// One past the JSON string that begins at `at`, or npos.
std::size_t end_of_string(std::string_view text, std::size_t at) {
    for (++at; at < text.size(); ++at) {
        if (text[at] == '\\') {
            ++at;
        } else if (text[at] == '"') {
            return at + 1;
        }
    }
    return std::string_view::npos;
}

/// One past the JSON value that begins at `at`: where the comma or the bracket after it stands.
std::size_t end_of_value(std::string_view text, std::size_t at) {
    std::size_t depth = 0;
    while (at < text.size()) {
        const char c = text[at];
        if (c == '"') {
            at = end_of_string(text, at);
            if (at == std::string_view::npos) return at;
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']')) return at;
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        ++at;
    }
    return std::string_view::npos;
}

}  // namespace

std::vector<Opened> ask_opener(
    Opener* opener, std::span<const store::Delivery> batch, bool decrypt, std::stop_token stop
) {
    std::vector<Opened> answers;
    std::string trouble;
    if (opener == nullptr) {
        return std::vector<Opened>(
            batch.size(), waits(kNothingOpens, "nothing is configured that proves rich items")
        );
    }
    try {
        answers = opener->open(batch, decrypt, std::move(stop));
        trouble = "no answer for this delivery";
    } catch (const std::exception& error) {
        trouble = for_log(error.what());
    } catch (...) {
        trouble = "an exception of an unknown type";
    }
    // The answers that are too many are about nothing.
    for (std::size_t i = batch.size(); i < answers.size(); ++i) wipe(answers[i].data);
    answers.resize(batch.size(), waits(kOpeningFailed, std::move(trouble)));
    for (Opened& answer : answers) {
        if (answer.is != Opened::Is::Proved && !is_label(answer.reason)) answer.reason = "other";
        if (answer.is != Opened::Is::Proved || !decrypt) wipe(answer.data);
    }
    return answers;
}

store::Settlement settle_unopened(
    const Opened& opened, const Ticket& ticket, const RetryOptions& options, SystemTime now,
    SteadyTime::duration looked_for
) {
    store::Settlement settlement;
    settlement.id = ticket.id;
    settlement.attempt = ticket.attempt;
    settlement.used = ticket.used;
    settlement.at = now;
    settlement.reason = opened.reason;
    if (!opened.detail.empty()) settlement.reason += ": " + for_log(opened.detail, 800);
    if (opened.is == Opened::Is::False) {
        settlement.as = store::SettleAs::Quarantine;
    } else if (now - ticket.received_at > options.max_age && looked_for >= kLeastPatience) {
        settlement.as = store::SettleAs::Dead;
        settlement.reason += "; not proved within max_age";
    } else {
        settlement.as = store::SettleAs::Release;
        settlement.at = now + std::clamp(opened.again_in, kSoonestAgain, kLatestAgain);
    }
    return settlement;
}

std::string without_encrypted_content(std::string_view item) {
    if (item.size() < 2 || item.front() != '{' || item.back() != '}') return {};
    std::string out = "{";
    for (std::size_t at = 1; item[at] != '}' || at + 1 != item.size();) {
        if (item[at] != '"') return {};
        const auto colon = end_of_string(item, at);
        if (colon == std::string_view::npos || colon >= item.size() || item[colon] != ':')
            return {};
        const auto end = end_of_value(item, colon + 1);
        if (end == std::string_view::npos || end == colon + 1 || item[end] == ']') return {};
        if (!same_letters(item.substr(at + 1, colon - at - 2), "encryptedContent")) {
            if (out.size() > 1) out += ',';
            out += item.substr(at, end - at);
        }
        at = item[end] == ',' ? end + 1 : end;
    }
    out += '}';
    return out;
}

Delivery to_delivery(store::Delivery&& from) {
    Delivery to;
    to.id = std::to_string(from.id.value);
    to.attempt = from.attempt;
    to.replayed = from.replayed;
    to.lifecycle = from.stream->lane == store::Lane::Lifecycle;
    to.source = store::to_string(from.stream->source);
    to.subscription = from.stream->subscription;
    to.tenant = from.stream->tenant;
    to.kind = from.stream->kind;
    to.change = from.stream->change;
    to.resource = std::move(from.resource);
    to.received_at = from.received_at;
    to.item = from.proof != nullptr ? without_encrypted_content(from.body) : std::move(from.body);
    return to;
}

void wipe(std::string& text) noexcept {
    // Within its capacity a string does not allocate, so nothing is thrown and nothing is left.
    text.resize(text.capacity());
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

}  // namespace graphhook::handlers
