#include "app/service/unsid_desk.hpp"

#include "app/api/reason_words.hpp"
#include "authenticity/issuers.hpp"
#include "authenticity/user_token.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace graphhook::app {
namespace {

using authenticity::Reason;
using receiver::BearerAnswer;

/// As often as key sets are fetched for an unknown key (KeySetKeeper).
constexpr std::chrono::minutes kAskAgain{5};

BearerAnswer answer(BearerAnswer::Is is, std::string_view reason, std::string_view why) {
    BearerAnswer out;
    out.is = is;
    out.reason = reason;
    out.why = why;
    return out;
}

bool may_not_be(const receiver::UnsidUser& user, std::string_view unsid) {
    return user.tenant_id.empty() || user.user_id.empty() || unsid.empty();
}

}  // namespace

StoreUnsidDesk::StoreUnsidDesk(
    std::vector<authenticity::Expected> ours, std::string scope, Parts parts
)
    : scope_(std::move(scope)),
      parts_(std::move(parts)),
      ours_(std::make_shared<const Ours>(std::move(ours))) {
}

void StoreUnsidDesk::set_ours(std::vector<authenticity::Expected> ours) {
    auto fresh = std::make_shared<const Ours>(std::move(ours));
    const std::lock_guard lock(mutex_);
    ours_ = std::move(fresh);
}

bool StoreUnsidDesk::may_come(
    const std::string& login, const authenticity::KeySets& sets, SystemTime now
) {
    const std::lock_guard lock(mutex_);
    const auto [asked, first] = asked_.try_emplace(login, now);
    const SystemTime at = asked->second;
    if (first || now < at || now - at >= kAskAgain) {
        asked->second = now;
        return true;
    }
    return std::any_of(sets.sets.begin(), sets.sets.end(), [&](const authenticity::KeySet& set) {
        return authenticity::same_login(set.login, login) && set.fetched_at < at;
    });
}

receiver::BearerAnswer StoreUnsidDesk::who(std::string_view bearer) {
    std::shared_ptr<const Ours> ours;
    {
        const std::lock_guard lock(mutex_);
        ours = ours_;
    }
    const auto sets = parts_.sets();
    const auto now = parts_.clock.system_now();
    auto verdict = authenticity::judge_user_token(bearer, *sets, *ours, now);
    if (verdict.reason == Reason::TokenKeyUnknown && may_come(verdict.login, *sets, now))
        verdict.reason = Reason::KeyUnknown;
    if (authenticity::may_be_proved_later(verdict.reason)) {
        if (!verdict.login.empty()) parts_.keys_wanted(verdict.login);
        return answer(
            BearerAnswer::Is::NotProvable, to_string(verdict.reason), in_words(verdict.reason)
        );
    }
    if (verdict.reason != Reason::None)
        return answer(
            BearerAnswer::Is::Invalid, to_string(verdict.reason), in_words(verdict.reason)
        );
    if (verdict.scopes.empty())
        return answer(
            BearerAnswer::Is::NoScope, "no_user",
            "it is no access token of a signed-in user: it carries no scope"
        );
    if (!scope_.empty() &&
        std::find(verdict.scopes.begin(), verdict.scopes.end(), scope_) == verdict.scopes.end())
        return answer(
            BearerAnswer::Is::NoScope, "scope_missing",
            fmt::format("the token does not carry the scope {}", scope_)
        );
    BearerAnswer found;
    found.is = BearerAnswer::Is::User;
    found.user = {
        std::move(verdict.tenant_id), std::move(verdict.user_id), std::move(verdict.client_id)
    };
    return found;
}

void StoreUnsidDesk::put(
    receiver::UnsidUser user, receiver::UnsidForm form, Completion<bool> done
) {
    store::Unsid unsid;
    unsid.tenant_id = std::move(user.tenant_id);
    unsid.user_id = std::move(user.user_id);
    unsid.client_id = std::move(user.client_id);
    unsid.unsid = std::move(form.unsid);
    unsid.platform = std::move(form.platform);
    unsid.expires_at = form.expires_at;
    unsid.registered_at = parts_.clock.system_now();
    parts_.store.put_unsid(
        std::move(unsid), {done.home,
                           [call = std::move(done.call)](Result<store::UnsidPut> put) mutable {
                               if (!put) return call(put.error());
                               call(*put == store::UnsidPut::Renewed);
                           }}
    );
}

void StoreUnsidDesk::withdraw(
    receiver::UnsidUser user, std::string unsid, Completion<std::monostate> done
) {
    if (may_not_be(user, unsid)) {
        Handover handover;
        handover.add<std::monostate>(
            std::move(done), fail(Errc::BadInput, "one UNSID of one user is withdrawn at a time")
        );
        handover.deliver();
        return;
    }
    store::UnsidQuery selection;
    selection.tenant_id = std::move(user.tenant_id);
    selection.user_id = std::move(user.user_id);
    selection.unsid = std::move(unsid);
    parts_.store.drop_unsids(
        std::move(selection),
        {done.home,
         [call = std::move(done.call)](const Result<std::uint64_t>& dropped) mutable {
             if (!dropped) return call(dropped.error());
             call(std::monostate{});
         }}
    );
}

}  // namespace graphhook::app
