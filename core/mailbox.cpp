#include "core/mailbox.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace graphhook {
namespace {

class IoMailbox final : public Mailbox {
  public:
    explicit IoMailbox(boost::asio::io_context& io) : io_(io) {}

    void post(std::vector<Task> tasks) override {
        boost::asio::post(io_, [tasks = std::move(tasks)]() mutable {
            for (auto& task : tasks) task();
        });
    }

  private:
    boost::asio::io_context& io_;
};

}  // namespace

std::unique_ptr<Mailbox> make_mailbox(boost::asio::io_context& io) {
    return std::make_unique<IoMailbox>(io);
}

void Handover::deliver() {
    auto tasks = std::exchange(tasks_, {});
    for (auto& [home, list] : tasks) {
        if (home != nullptr) {
            home->post(std::move(list));
        } else {
            for (auto& task : list) task();
        }
    }
}

}  // namespace graphhook
