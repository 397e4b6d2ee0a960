// The small questions that a plan asks of its values.
#include "core/text.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/plan.hpp"

#include <algorithm>

namespace graphhook::subscriptions {

std::string_view to_string(Action action) noexcept {
    switch (action) {
        case Action::Keep:
            return "keep";
        case Action::Wait:
            return "wait";
        case Action::List:
            return "list";
        case Action::Create:
            return "create";
        case Action::Replace:
            return "replace";
        case Action::Retry:
            return "retry";
        case Action::TryParked:
            return "try-parked";
        case Action::Adopt:
            return "adopt";
        case Action::TakeOver:
            return "take-over";
        case Action::Redirect:
            return "redirect";
        case Action::Renew:
            return "renew";
        case Action::MoveKey:
            return "move-key";
        case Action::Reauthorize:
            return "reauthorize";
        case Action::Check:
            return "check";
        case Action::Learn:
            return "learn";
        case Action::Recreate:
            return "recreate";
        case Action::Retire:
            return "retire";
        case Action::MarkRemoval:
            return "mark-removal";
        case Action::Unmark:
            return "unmark";
        case Action::Remove:
            return "remove";
        case Action::HoldBack:
            return "hold-back";
        case Action::RetireReplaced:
            return "retire-replaced";
        case Action::DeleteLeftover:
            return "delete-leftover";
        case Action::Forget:
            return "forget";
    }
    return "unknown";
}

std::string_view verb_of(Action action) noexcept {
    switch (action) {
        case Action::Keep:
        case Action::HoldBack:
            return "keep";
        case Action::Wait:
            return "wait";
        case Action::List:
            return "list";
        case Action::Create:
        case Action::Retry:
        case Action::TryParked:
        case Action::Recreate:
            return "create";
        case Action::Replace:
            return "replace";
        case Action::Adopt:
        case Action::TakeOver:
            return "adopt";
        case Action::Redirect:
        case Action::Renew:
        case Action::MoveKey:
        case Action::Reauthorize:
            return "renew";
        case Action::Check:
            return "check";
        case Action::Remove:
        case Action::RetireReplaced:
        case Action::DeleteLeftover:
            return "delete";
        case Action::Learn:
        case Action::Retire:
        case Action::MarkRemoval:
        case Action::Unmark:
        case Action::Forget:
            return "note";
    }
    return "note";
}

int rank_of(Action action) noexcept {
    switch (action) {
        case Action::List:
            return 0;
        case Action::Learn:
        case Action::Unmark:
        case Action::MarkRemoval:
        case Action::Forget:
        case Action::Retire:
            return 1;
        case Action::Adopt:
        case Action::TakeOver:
            return 2;
        case Action::Redirect:
        case Action::Renew:
        case Action::MoveKey:
        case Action::Reauthorize:
            return 3;
        case Action::Recreate:
            return 4;
        case Action::Retry:
        case Action::Replace:
        case Action::Create:
            return 5;
        case Action::TryParked:
            return 6;
        case Action::Check:
            return 7;
        case Action::Remove:
        case Action::RetireReplaced:
        case Action::DeleteLeftover:
            return 8;
        case Action::Wait:
        case Action::Keep:
            return 9;
        case Action::HoldBack:
            return 10;
    }
    return 11;
}

std::chrono::minutes life_of(const WantedSubscription& wanted) {
    const Kind* kind = wanted.kind.empty() ? recognise(wanted.resource) : kind_named(wanted.kind);
    return std::max(wanted.life.value_or(ask_life(kind, wanted.resource_data)), kShortestLife);
}

std::string kind_of(const WantedSubscription& wanted) {
    if (!wanted.kind.empty()) return wanted.kind;
    const Kind* kind = recognise(wanted.resource);
    return kind != nullptr ? std::string(kind->name) : "unknown";
}

std::string changes_of(const WantedSubscription& wanted) {
    std::string text;
    for (const auto& change : wanted.changes) {
        if (!text.empty()) text += ',';
        text += change;
    }
    return text;
}

std::string id_key(std::string_view graph_id) {
    return lowered(graph_id);
}

std::chrono::milliseconds granted_life(const Record& record) {
    if (record.memory.granted > std::chrono::milliseconds::zero()) return record.memory.granted;
    // After a restart: since the last touch, which says too little rather than too much.
    const SystemTime since = std::max(record.created_at, record.touched_at);
    return std::max(
        std::chrono::duration_cast<std::chrono::milliseconds>(record.expires_at - since),
        std::chrono::milliseconds::zero()
    );
}

std::size_t removal_quota(std::size_t live) noexcept {
    constexpr std::size_t kAtLeast = 10;
    return std::max(kAtLeast, live / 20);
}

}  // namespace graphhook::subscriptions
