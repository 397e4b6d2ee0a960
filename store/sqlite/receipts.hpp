#pragma once

#include "store/sqlite/sql.hpp"
#include "store/sqlite/writes.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace graphhook::store {

/// What targets answered to deliveries, also to those that are done and have no row of their own.
/// They hold no page; they go with it. Without any, nothing is asked of the file. Threads: the
/// writer's; may throw SqlError.
class Receipts {
  public:
    Receipts(Connection& connection, Writes& writes);

    /// In place of an earlier one. Nothing happens where it is empty or too long.
    void put(std::int64_t handler, std::int64_t id, std::string receipt);
    /// The page is being deleted.
    void page_goes(std::int64_t page);

    static constexpr std::size_t kMostBytes = 2'000;

  private:
    Writes& writes_;
    Statement put_, delete_page_;
    bool any_;  ///< There may be some.
};

/// For looking; lives within one read transaction.
class ReceiptReader {
  public:
    explicit ReceiptReader(Connection& connection);
    /// Empty where there is none.
    [[nodiscard]] std::string find(std::int64_t handler, std::int64_t id);

  private:
    Statement one_;
    const bool any_;
};

}  // namespace graphhook::store
