#pragma once

#include "subscriptions/plan/brake.hpp"
#include "subscriptions/plan/decide.hpp"
#include "subscriptions/plan/plan.hpp"

#include <cstddef>
#include <string>
#include <tuple>
#include <vector>

namespace graphhook::subscriptions {

/// Makes a plan to be shown, target by target: what decide() says of each, under the brake. Pure.
class Planner {
  public:
    /// `around` must outlive it.
    Planner(const Surroundings& around, std::size_t allow_delete);
    /// What it refers to must live until `finish`. `approved`: the brake let its removal pass
    /// already.
    void add(const TargetView& target, bool approved = false);
    [[nodiscard]] Plan finish();

  private:
    struct Removal {
        TargetView target;
        std::int64_t record;
        std::string graph_id;
        SystemTime expires_at;
    };
    void add_step(const TargetView& target, const Todo& todo);
    void wake_at(SystemTime due);
    void removals();
    void orphans();
    void sort();

    const Surroundings& around_;
    const std::size_t allow_delete_;
    Plan plan_;
    Brake brake_;
    std::vector<Removal> removals_;
    /// Beside each step: what its urgency is.
    std::vector<SystemTime> urgency_;
    std::string list_;
};

}  // namespace graphhook::subscriptions
