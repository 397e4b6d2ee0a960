#pragma once

#include "core/clock.hpp"
#include "store/options.hpp"
#include "store/sqlite/dispatch.hpp"
#include "store/sqlite/fold_map.hpp"
#include "store/sqlite/journal.hpp"
#include "store/sqlite/pages.hpp"
#include "store/sqlite/proofs.hpp"
#include "store/sqlite/quarantine.hpp"
#include "store/sqlite/receipts.hpp"
#include "store/sqlite/repeat_window.hpp"
#include "store/sqlite/sql.hpp"
#include "store/sqlite/streams.hpp"
#include "store/sqlite/subscription_table.hpp"
#include "store/sqlite/sync_tables.hpp"
#include "store/sqlite/unsids.hpp"
#include "store/sqlite/writes.hpp"

namespace graphhook::store {

/// All that the writer's thread works on. Made once the schema is there; reads what memory needs to
/// know: cursors, identities, versions, what waits.
struct Tables {
    /// Throws SqlError.
    Tables(Connection& database, const StoreOptions& options, Clock& time);

    Connection& connection;
    Clock& clock;
    Writes writes{connection};
    Pages pages{connection};
    Streams streams{connection, writes};
    FoldMap folds;
    RepeatWindow repeats, versions;
    Proofs proofs{connection, writes};
    Quarantine quarantine;
    Receipts receipts{connection, writes};
    Dispatch dispatch{connection, writes,     pages,    streams, folds,
                      proofs,     quarantine, receipts, clock};
    Journal journal{connection, writes, pages, streams, folds, repeats, versions, dispatch, proofs};
    SubscriptionTable subscriptions{connection, writes, clock};
    SyncTables sync{connection, writes};
    Unsids unsids{connection, writes};
    Statement keep_refused{
        connection, "INSERT INTO refused(at, reason, subscription, body) VALUES(?, ?, ?, ?)"
    };
    Statement trim_refused{
        connection, "DELETE FROM refused WHERE number <= (SELECT max(number) FROM refused) - 20"
    };
};

}  // namespace graphhook::store
