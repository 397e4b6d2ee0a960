#include "handlers/opening.hpp"
#include "handlers/runner.hpp"

#include <utility>

// What is done with rich deliveries before a handler sees them.

namespace graphhook::handlers {
namespace {

/// Wipes what was decrypted and not handed over, however the scope is left.
class WipesOpened {
  public:
    explicit WipesOpened(std::vector<Opened>& opened) : opened_(opened) {}
    ~WipesOpened() {
        for (auto& one : opened_) wipe(one.data);
    }
    WipesOpened(const WipesOpened&) = delete;
    WipesOpened& operator=(const WipesOpened&) = delete;

  private:
    std::vector<Opened>& opened_;
};

Became became(const store::Settlement& settlement) {
    switch (settlement.as) {
        case store::SettleAs::Quarantine:
            return Became::Quarantined;
        case store::SettleAs::Dead:
            return Became::Dead;
        default:
            return Became::Waits;
    }
}

void count(std::array<std::size_t, kBecameCount>& counts, Became what) {
    ++counts[static_cast<std::size_t>(what)];
}

}  // namespace

bool Runner::open(
    Worker& self, const std::shared_ptr<Batch>& batch, std::vector<Ready>& taken,
    std::vector<Delivery>& deliveries
) {
    std::vector<store::Delivery> rich;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < taken.size(); ++i) {
        if (taken[i].delivery.proof == nullptr) continue;
        places.push_back(i);
        rich.push_back(std::move(taken[i].delivery));
    }
    auto answers = ask_opener(context_.opener, rich, wants_data_, batch->stop.get_token());
    const WipesOpened wipes_answers(answers);
    /// One for each that was taken; what is basic has nothing to prove.
    std::vector<Opened> opened(taken.size());
    const WipesOpened wipes_opened(opened);
    for (std::size_t i = 0; i < places.size(); ++i) {
        opened[places[i]] = std::move(answers[i]);
        taken[places[i]].delivery = std::move(rich[i]);
    }

    std::vector<store::Settlement> settlements;
    std::optional<store::LeaseRequest> request;
    std::vector<std::size_t> proved;
    {
        const Lock lock(mutex_);
        self.in_opener = false;
        self.in_handler = false;
        if (closed_) return false;
        if (batch->given_up) {
            running_.remove(batch);
            return false;
        }
        const auto now = context_.clock.steady_now();
        const auto system_now = context_.clock.system_now();
        batch->opening = false;
        batch->started = now;
        std::array<std::size_t, kBecameCount> counts{};
        // As extended meanwhile, in the order of `taken`.
        const auto tickets = std::exchange(batch->tickets, {});
        for (std::size_t i = 0; i < tickets.size(); ++i) {
            if (batch->told_to_stop && opened[i].is != Opened::Is::False) {
                // Nothing begins any more, and what waits may do so only for that.
                settlements.push_back(give_back(tickets[i], system_now));
                count(counts, Became::Released);
            } else if (opened[i].is != Opened::Is::Proved) {
                settlements.push_back(settle_one(tickets[i], opened[i], now, counts));
            } else {
                batch->tickets.push_back(tickets[i]);
                proved.push_back(i);
            }
        }
        metrics_.settled(counts);
        if (!proved.empty()) {
            self.in_handler = true;
        } else {
            running_.remove(batch);
            // It told nothing about the target.
            if (batch->probe) breaker_.probe_lapsed();
            request = wanted_lease(now);
        }
        if (!settlements.empty()) ++calling_, ++settling_;
    }
    if (!settlements.empty()) send_settlements(std::move(settlements));
    if (request) send_lease(std::move(*request));
    for (const std::size_t i : proved) {
        deliveries.push_back(to_delivery(std::move(taken[i].delivery)));
        deliveries.back().data = std::move(opened[i].data);
    }
    return !proved.empty();
}

store::Settlement Runner::settle_one(
    const Ticket& ticket, const Opened& opened, SteadyTime now,
    std::array<std::size_t, kBecameCount>& counts
) {
    auto settlement =
        settle_unopened(opened, ticket, retry_, context_.clock.system_now(), now - attached_at_);
    const auto what = became(settlement);
    count(counts, what);
    std::uint64_t kept_back = 0;
    if (what == Became::Dead) {
        note_dead(settlement, now);
    } else if (what == Became::Quarantined) {
        metrics_.disproved(opened.reason);
        if (false_lines_.allow(now, kept_back)) {
            log().warn(
                "delivery is not genuine, into the quarantine handler={} id={} reason={} "
                "more_since_last={}",
                name_, settlement.id.value, for_log(settlement.reason), kept_back
            );
        }
    } else {
        metrics_.unproved(opened.reason);
        if (waiting_lines_.allow(now, kept_back)) {
            log().warn(
                "delivery can not be proved yet and waits handler={} id={} reason={} "
                "more_since_last={}",
                name_, settlement.id.value, for_log(settlement.reason), kept_back
            );
        }
    }
    return settlement;
}

std::vector<store::Settlement> Runner::give_up_opening(Batch& batch, SteadyTime now) {
    Opened slow;
    slow.is = Opened::Is::Waits;
    slow.reason = kOpeningSlow;
    slow.detail = "it took longer than the time limit";
    const auto system_now = context_.clock.system_now();
    std::vector<store::Settlement> settlements;
    std::array<std::size_t, kBecameCount> counts{};
    for (const auto& ticket : batch.tickets) {
        if (ticket.rich) {
            settlements.push_back(settle_one(ticket, slow, now, counts));
        } else {
            settlements.push_back(give_back(ticket, system_now));
            count(counts, Became::Released);
        }
    }
    metrics_.settled(counts);
    if (batch.probe) breaker_.probe_lapsed();
    return settlements;
}

}  // namespace graphhook::handlers
