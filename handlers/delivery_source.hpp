#pragma once

#include "store/store.hpp"

namespace graphhook::handlers {

/// What the dispatcher needs of the store, and nothing more: the promises are those of
/// store::Store's functions of the same names.
class DeliverySource {
  public:
    virtual ~DeliverySource() = default;
    virtual void attach(store::Attachment attachment, Completion<std::monostate> done) = 0;
    virtual void detach(std::string handler, Completion<std::monostate> done) = 0;
    virtual void lease(
        store::LeaseRequest request, Completion<std::vector<store::Delivery>> done
    ) = 0;
    virtual void settle(
        std::string handler, std::vector<store::Settlement> settlements,
        Completion<std::size_t> done
    ) = 0;
    virtual void extend(
        std::string handler, std::vector<store::NotificationId> ids, std::chrono::milliseconds hold
    ) = 0;
};

/// The real one. `store` must outlive it.
class StoreSource final : public DeliverySource {
  public:
    explicit StoreSource(store::Store& store) : store_(store) {}
    void attach(store::Attachment attachment, Completion<std::monostate> done) override {
        store_.attach(std::move(attachment), std::move(done));
    }
    void detach(std::string handler, Completion<std::monostate> done) override {
        store_.detach(std::move(handler), std::move(done));
    }
    void lease(store::LeaseRequest request, Completion<std::vector<store::Delivery>> done)
        override {
        store_.lease(std::move(request), std::move(done));
    }
    void settle(
        std::string handler, std::vector<store::Settlement> settlements,
        Completion<std::size_t> done
    ) override {
        store_.settle(std::move(handler), std::move(settlements), std::move(done));
    }
    void extend(
        std::string handler, std::vector<store::NotificationId> ids, std::chrono::milliseconds hold
    ) override {
        store_.extend(std::move(handler), std::move(ids), hold);
    }

  private:
    store::Store& store_;
};

}  // namespace graphhook::handlers
