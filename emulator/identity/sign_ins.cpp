#include "emulator/identity/sign_ins.hpp"

#include "core/time_text.hpp"
#include "emulator/identity/base64.hpp"
#include "emulator/identity/scopes.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace graphhook::emulator {
namespace {

constexpr std::size_t kMostCodes = 10'000;
constexpr std::size_t kMostTokens = 100'000;
constexpr std::chrono::seconds kSlower{5};  // RFC 8628 3.5

/// Nine characters that are not mistaken for one another.
std::string new_user_code() {
    constexpr std::string_view kLetters = "BCDFGHJKLMNPQRSTVWXZ23456789";
    const auto random = random_hex(9);
    std::string code;
    for (std::size_t i = 0; i < random.size(); i += 2) {
        const auto byte = static_cast<std::size_t>(std::stoi(random.substr(i, 2), nullptr, 16));
        code += kLetters[byte % kLetters.size()];
    }
    return code;
}

}  // namespace

const SignIns::Code* SignIns::find(std::string_view user_code) const {
    for (const auto& [device_code, code] : codes_) {
        if (same_text(code.user_code, user_code)) return &code;
    }
    return nullptr;
}

void SignIns::tidy(SystemTime now) {
    // Those that are over are kept for a while, so that a late poll hears so.
    std::erase_if(codes_, [&](const auto& one) {
        return one.second.until + std::chrono::hours(1) <= now;
    });
}

Granted<SignIns::Started> SignIns::start(std::string_view tenant, SignIn wanted, SystemTime now) {
    tidy(now);
    if (codes_.size() >= kMostCodes)
        return Refusal(503, "temporarily_unavailable", 90055, "There are too many device codes.");
    Code code;
    code.user_code = new_user_code();
    code.tenant = lower_text(tenant);
    code.wanted = std::move(wanted);
    code.until = now + options_.code_life;
    code.interval = options_.interval;
    code.next_poll = now;
    Started started{"D" + random_hex(32), code.user_code};
    codes_.emplace(started.device_code, std::move(code));
    return started;
}

Result<std::string> SignIns::waiting(std::string_view user_code, SystemTime now) const {
    const auto* code = find(user_code);
    if (code == nullptr) return fail(Errc::NotFound, "nobody waits with this user code");
    if (code->state != Code::State::Waiting)
        return fail(Errc::Conflict, "this user code is decided already");
    if (code->until <= now) return fail(Errc::Conflict, "this user code is over");
    return code->tenant;
}

void SignIns::decide(std::string_view user_code, std::optional<User> user) {
    for (auto& [device_code, code] : codes_) {
        if (!same_text(code.user_code, user_code)) continue;
        code.state = user ? Code::State::Approved : Code::State::Denied;
        if (user) code.wanted.user = std::move(*user);
        return;
    }
}

Granted<SignIn> SignIns::poll(
    std::string_view device_code, std::string_view client, SystemTime now
) {
    const auto it = codes_.find(device_code);
    if (it == codes_.end() || !same_text(it->second.wanted.client, client))
        return Refusal(
            400, "bad_verification_code", 70018,
            "Invalid verification code due to User typing in wrong user code for device code flow."
        );
    Code& code = it->second;
    if (code.state == Code::State::Denied) {
        codes_.erase(it);
        return Refusal(400, "access_denied", 65004, "User declined to consent to access the app.");
    }
    if (code.until <= now)
        return Refusal(
            400, "expired_token", 70020,
            "The provided value for the input parameter 'device_code' is not valid. The code has "
            "expired."
        );
    const bool early = now < code.next_poll;
    if (early && options_.interval > std::chrono::seconds::zero()) {
        code.interval += kSlower;
        code.next_poll = now + code.interval;
        return Refusal(
            400, "slow_down", 70016,
            fmt::format("Polls must be {} seconds apart from now on.", code.interval.count())
        );
    }
    code.next_poll = now + code.interval;
    if (code.state == Code::State::Waiting)
        return Refusal(
            400, "authorization_pending", 70016,
            "OAuth 2.0 device flow error. Authorization is pending. Continue polling."
        );
    SignIn sign_in = std::move(code.wanted);
    codes_.erase(it);
    return sign_in;
}

std::string SignIns::add(SignIn sign_in, SystemTime now) {
    while (tokens_.size() >= kMostTokens && !by_age_.empty()) {
        tokens_.erase(by_age_.begin()->second);
        by_age_.erase(by_age_.begin());
    }
    Token token;
    token.sign_in = std::move(sign_in);
    token.issued = now;
    token.used = now;
    token.order = ++last_;
    std::string text = "0.A" + random_hex(48);
    by_age_.emplace(token.order, text);
    tokens_.emplace(text, std::move(token));
    return text;
}

std::string SignIns::issue(SignIn sign_in, SystemTime now) {
    return add(std::move(sign_in), now);
}

Granted<SignIn> SignIns::look(std::string_view token, std::string_view client, SystemTime now)
    const {
    const auto it = tokens_.find(token);
    if (it == tokens_.end() || !same_text(it->second.sign_in.client, client))
        return bad_grant(
            70000, "Provided grant is invalid or malformed: it is no refresh token of this app."
        );
    const Token& found = it->second;
    if (found.ended == Ending::Revoked)
        return bad_grant(
            50173,
            fmt::format(
                "The provided grant has expired due to it being revoked, a fresh auth token is "
                "needed. The user might have changed or reset their password. The grant was issued "
                "on '{}'.",
                to_text(found.issued)
            )
        );
    if (found.ended == Ending::Expired || found.used + options_.idle_life <= now)
        return bad_grant(
            700082, fmt::format(
                        "The refresh token has expired due to inactivity. The token was issued on "
                        "{} and was inactive for {}.00:00:00.",
                        to_text(found.issued), options_.idle_life.count() / 24
                    )
        );
    if (found.replaced && !options_.keep_used)
        return bad_grant(
            70000, "Provided grant is invalid or malformed: it was used before and replaced."
        );
    return found.sign_in;
}

std::string SignIns::use(std::string_view token, SystemTime now) {
    const auto it = tokens_.find(token);
    if (it == tokens_.end()) return {};
    it->second.used = now;
    if (!options_.rotate) return {};
    it->second.replaced = true;
    return add(it->second.sign_in, now);
}

std::size_t SignIns::end(
    std::string_view tenant, std::string_view client, std::string_view user, Ending ending
) {
    const auto fits = [](std::string_view wanted, std::string_view have) {
        return wanted.empty() || same_text(wanted, have);
    };
    std::size_t count = 0;
    for (auto& [text, token] : tokens_) {
        if (!fits(tenant, token.sign_in.user.tenant) || !fits(client, token.sign_in.client) ||
            !fits(user, token.sign_in.user.id))
            continue;
        token.ended = ending;
        ++count;
    }
    return count;
}

void SignIns::clear() {
    codes_.clear();
    tokens_.clear();
    by_age_.clear();
}

}  // namespace graphhook::emulator
