#pragma once

#include "store/store.hpp"

#include <memory>
#include <vector>

namespace graphhook::receiver {

/// What intake needs of the store, and no more. Semantics and threads as in store/store.hpp.
class Journal {
  public:
    virtual ~Journal() = default;
    virtual void append(
        std::vector<store::Item> items, SystemTime received_at, Completion<store::Appended> done
    ) = 0;
    [[nodiscard]] virtual std::shared_ptr<const store::KnownSubscriptions> known() const = 0;
    virtual void ask(
        std::vector<store::Store::Query> queries, Completion<std::vector<store::KnownPtr>> done
    ) = 0;
    virtual void keep_refused(store::RefusedBody body) = 0;
};

/// `store` must outlive it.
[[nodiscard]] std::unique_ptr<Journal> make_journal(store::Store& store);

}  // namespace graphhook::receiver
