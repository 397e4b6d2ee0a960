#include "receiver/journal.hpp"

namespace graphhook::receiver {
namespace {

class StoreJournal final : public Journal {
  public:
    explicit StoreJournal(store::Store& store) : store_(store) {}

    void append(
        std::vector<store::Item> items, SystemTime received_at, Completion<store::Appended> done
    ) override {
        store_.append(std::move(items), received_at, std::move(done));
    }
    std::shared_ptr<const store::KnownSubscriptions> known() const override {
        return store_.known();
    }
    void ask(
        std::vector<store::Store::Query> queries, Completion<std::vector<store::KnownPtr>> done
    ) override {
        store_.ask(std::move(queries), std::move(done));
    }
    void keep_refused(store::RefusedBody body) override { store_.keep_refused(std::move(body)); }

  private:
    store::Store& store_;
};

}  // namespace

std::unique_ptr<Journal> make_journal(store::Store& store) {
    return std::make_unique<StoreJournal>(store);
}

}  // namespace graphhook::receiver
