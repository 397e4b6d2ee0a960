#include "tests/receiver/fake_unsid_desk.hpp"

#include "tests/receiver/fake_journal.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace graphhook::receiver {
namespace {

template <class T>
void complete(Completion<T> done, Result<T> result) {
    Handover handover;
    handover.add(std::move(done), std::move(result));
    handover.deliver();
}

}  // namespace

BearerAnswer FakeUnsidDesk::who(std::string_view bearer) {
    {
        std::unique_lock lock(mutex_);
        token_threads_.push_back(std::this_thread::get_id());
        changed_.notify_all();
        changed_.wait(lock, [this] { return !hold_tokens_; });
    }
    using Is = BearerAnswer::Is;
    if (bearer == "good")
        return {
            Is::User,
            {std::string(kTenantId), std::string(kUserId), std::string(kClientApp)},
            {},
            {}
        };
    if (bearer == "expired")
        return {Is::Invalid, {}, "The \"token\"\r\nX: has expired\\", "token_expired"};
    if (bearer == "noscope") return {Is::NoScope, {}, "The token lacks the scope.", "no_scope"};
    if (bearer == "unprovable")
        return {Is::NotProvable, {}, "The key sets are out of reach.", "keys_unreachable"};
    if (bearer == "throws") throw std::runtime_error("out of something");
    return {Is::Invalid, {}, "", "token_malformed"};
}

void FakeUnsidDesk::put(UnsidUser user, UnsidForm form, Completion<bool> done) {
    std::unique_lock lock(mutex_);
    if (hold_) {
        held_.emplace_back([this, user = std::move(user), form = std::move(form),
                            done = std::move(done)]() mutable {
            put(std::move(user), std::move(form), std::move(done));
        });
        return changed_.notify_all();
    }
    if (error_) {
        auto error = *error_;
        lock.unlock();
        return complete(std::move(done), Result<bool>(std::move(error)));
    }
    const bool renewed = std::any_of(kept_.begin(), kept_.end(), [&](const Kept& kept) {
        return kept.form.unsid == form.unsid && kept.form.platform == form.platform;
    });
    kept_.push_back({std::move(user), std::move(form)});
    lock.unlock();
    complete(std::move(done), Result<bool>(renewed));
}

void FakeUnsidDesk::withdraw(UnsidUser user, std::string unsid, Completion<std::monostate> done) {
    std::unique_lock lock(mutex_);
    if (hold_) {
        held_.emplace_back([this, user = std::move(user), unsid = std::move(unsid),
                            done = std::move(done)]() mutable {
            withdraw(std::move(user), std::move(unsid), std::move(done));
        });
        return changed_.notify_all();
    }
    if (error_) {
        auto error = *error_;
        lock.unlock();
        return complete(std::move(done), Result<std::monostate>(std::move(error)));
    }
    withdrawn_.push_back(user.user_id + " " + unsid);
    lock.unlock();
    complete(std::move(done), Result<std::monostate>(std::monostate()));
}

void FakeUnsidDesk::fail_with(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
}

void FakeUnsidDesk::hold(bool held) {
    std::unique_lock lock(mutex_);
    hold_ = held;
    if (held) return;
    auto waiting = std::exchange(held_, {});
    lock.unlock();
    for (auto& one : waiting) one();
}

void FakeUnsidDesk::hold_tokens(bool held) {
    const std::lock_guard lock(mutex_);
    hold_tokens_ = held;
    changed_.notify_all();
}

bool FakeUnsidDesk::wait_for_held(std::size_t count) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return held_.size() >= count; });
}

bool FakeUnsidDesk::wait_for_tokens(std::size_t count) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] {
        return token_threads_.size() >= count;
    });
}

std::vector<FakeUnsidDesk::Kept> FakeUnsidDesk::kept() const {
    const std::lock_guard lock(mutex_);
    return kept_;
}

std::vector<std::string> FakeUnsidDesk::withdrawn() const {
    const std::lock_guard lock(mutex_);
    return withdrawn_;
}

std::size_t FakeUnsidDesk::tokens() const {
    const std::lock_guard lock(mutex_);
    return token_threads_.size();
}

std::vector<std::thread::id> FakeUnsidDesk::token_threads() const {
    const std::lock_guard lock(mutex_);
    return token_threads_;
}

}  // namespace graphhook::receiver
