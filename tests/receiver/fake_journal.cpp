#include "tests/receiver/fake_journal.hpp"

#include <utility>

namespace graphhook::receiver {

store::SubscriptionRecord known_record(std::string_view graph_id, std::string_view state) {
    store::SubscriptionRecord record;
    record.record = 1;
    record.state = store::SubscriptionState::Active;
    record.name = "inbox";
    record.tenant = "contoso";
    record.kind = "message";
    record.resource = "users/someone/messages";
    record.graph_id = graph_id;
    record.state_hash = sha256(state);
    record.expires_at = SystemTime(std::chrono::seconds(1'796'000'000));
    return record;
}

FakeJournal::FakeJournal() {
    set_known({known_record()});
}

void FakeJournal::complete(Completion<store::Appended> done, Result<store::Appended> result) {
    Handover handover;
    handover.add(std::move(done), std::move(result));
    handover.deliver();
}

void FakeJournal::append(
    std::vector<store::Item> items, SystemTime, Completion<store::Appended> done
) {
    std::unique_lock lock(mutex_);
    ++appends_;
    if (error_) {
        auto error = *error_;
        lock.unlock();
        return complete(std::move(done), std::move(error));
    }
    if (hold_) {
        held_.push_back({std::move(items), std::move(done)});
        changed_.notify_all();
        return;
    }
    store::Appended appended;
    appended.stored = static_cast<std::uint32_t>(items.size());
    std::move(items.begin(), items.end(), std::back_inserter(items_));
    lock.unlock();
    complete(std::move(done), appended);
}

std::shared_ptr<const store::KnownSubscriptions> FakeJournal::known() const {
    const std::lock_guard lock(mutex_);
    return picture_;
}

void FakeJournal::ask(
    std::vector<store::Store::Query> queries, Completion<std::vector<store::KnownPtr>> done
) {
    std::unique_lock lock(mutex_);
    ++questions_;
    Result<std::vector<store::KnownPtr>> result{std::vector<store::KnownPtr>()};
    if (error_) {
        result = *error_;
    } else {
        for (const auto& query : queries) {
            auto found = stored_->by_id(query.graph_id);
            result->push_back(found != nullptr ? found : stored_->by_state(query.state_hash));
        }
    }
    lock.unlock();
    Handover handover;
    handover.add(std::move(done), std::move(result));
    handover.deliver();
}

void FakeJournal::keep_refused(store::RefusedBody body) {
    const std::lock_guard lock(mutex_);
    refused_.push_back(std::move(body));
}

void FakeJournal::set_known(
    std::vector<store::SubscriptionRecord> in_picture,
    std::vector<store::SubscriptionRecord> only_stored
) {
    const std::lock_guard lock(mutex_);
    picture_ = std::make_shared<const store::KnownSubscriptions>(in_picture);
    in_picture.insert(in_picture.end(), only_stored.begin(), only_stored.end());
    stored_ = std::make_shared<const store::KnownSubscriptions>(in_picture);
}

void FakeJournal::fail_with(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
}

void FakeJournal::hold(bool held) {
    std::unique_lock lock(mutex_);
    hold_ = held;
    if (held) return;
    auto waiting = std::exchange(held_, {});
    lock.unlock();
    for (auto& one : waiting) append(std::move(one.items), {}, std::move(one.done));
}

std::vector<store::Item> FakeJournal::items() const {
    const std::lock_guard lock(mutex_);
    return items_;
}

std::vector<store::RefusedBody> FakeJournal::refused_bodies() const {
    const std::lock_guard lock(mutex_);
    return refused_;
}

std::size_t FakeJournal::appends() const {
    const std::lock_guard lock(mutex_);
    return appends_;
}

std::size_t FakeJournal::questions() const {
    const std::lock_guard lock(mutex_);
    return questions_;
}

bool FakeJournal::wait_for_held(std::size_t count) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return held_.size() >= count; });
}

}  // namespace graphhook::receiver
