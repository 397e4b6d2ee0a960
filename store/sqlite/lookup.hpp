#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/mailbox.hpp"
#include "store/sqlite/listing.hpp"
#include "store/sqlite/reader.hpp"
#include "store/sqlite/schema.hpp"
#include "store/sqlite/sql.hpp"
#include "store/store.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::store {

/// One answer for each query: the liveliest record by id, else by client state.
[[nodiscard]] std::vector<KnownPtr> ask_table(
    Connection& connection, const std::vector<Store::Query>& queries, SystemTime now
);
/// The next records after the last of `records`; true when these were all.
bool read_subscriptions(Connection& connection, std::vector<SubscriptionRecord>& records);
[[nodiscard]] std::vector<RefusedBody> read_refused(Connection& connection);

/// Runs `step(connection, out)` on the reader's thread until it answers true, then completes with
/// `out`. `step` returns bool or Result<bool>; interrupted, it runs again: it must change `out` at
/// its end only.
template <class T, class Step>
void read_steps(Reader& reader, Completion<T> done, Step step) {
    reader.post([done = std::move(done), step = std::move(step),
                 out = T{}](Connection& connection) mutable {
        Result<T> answer = T{};
        try {
            Result<bool> over = step(connection, out);
            if (over && !*over) return false;
            answer = over ? Result<T>(std::move(out)) : Result<T>(over.error());
        } catch (const SqlError& error) {
            if (error.interrupted()) return false;
            answer = to_error(error, "the store");
        }
        Handover handover;
        handover.add<T>(std::move(done), std::move(answer));
        handover.deliver();
        return true;
    });
}

}  // namespace graphhook::store
