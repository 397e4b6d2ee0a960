#include "store/sqlite/receipts.hpp"

#include "store/sqlite/page.hpp"

#include <utility>

namespace graphhook::store {
namespace {

constexpr const char* kAny = "SELECT 1 FROM receipt LIMIT 1";

}  // namespace

Receipts::Receipts(Connection& connection, Writes& writes)
    : writes_(writes),
      put_(connection, "INSERT OR REPLACE INTO receipt(id, handler, text) VALUES(?, ?, ?)"),
      delete_page_(connection, "DELETE FROM receipt WHERE id >= ? AND id < ?"),
      any_(connection.query(kAny) != 0) {
}

void Receipts::put(std::int64_t handler, std::int64_t id, std::string receipt) {
    if (receipt.empty() || receipt.size() > kMostBytes) return;
    any_ = true;
    writes_.add(put_, {id, handler, std::move(receipt)});
}

void Receipts::page_goes(std::int64_t page) {
    if (any_) writes_.add(delete_page_, {id_of(page, 0), id_of(page + 1, 0)});
}

ReceiptReader::ReceiptReader(Connection& connection)
    : one_(connection, "SELECT text FROM receipt WHERE id = ? AND handler = ?"),
      any_(connection.query(kAny) != 0) {
}

std::string ReceiptReader::find(std::int64_t handler, std::int64_t id) {
    if (!any_) return {};
    Query query(one_);
    return query.bind(1, id).bind(2, handler).step() ? std::string(query.text(0)) : std::string();
}

}  // namespace graphhook::store
