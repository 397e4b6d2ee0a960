#pragma once

#include "core/digest.hpp"
#include "core/http_client.hpp"
#include "core/time_text.hpp"
#include "store/metrics.hpp"
#include "store/store.hpp"
#include "tests/app/program.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/temp_dir.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <prometheus/registry.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <poll.h>
#include <regex>
#include <string>
#include <unistd.h>

namespace graphhook::test {

/// A configuration, a certificate and a place for everything; a subscription that the store knows.
class ServiceFixture : public ::testing::Test {
  protected:
    static constexpr const char* kGraphId = "7f105c7d-2dc5-4530-97cd-4e7ae6534c07";
    static constexpr const char* kClientState = "0123456789abcdef";

    ServiceFixture() { write_certificate(dir.path(), make_certificate()); }

    [[nodiscard]] std::string config_text(const std::string& more = "") const {
        return fmt::format(
            R"(receiver:
  listen: 127.0.0.1:0
  public_url: https://localhost/graph
  tls: {{certificate: "{0}/server.crt", private_key: "{0}/server.key"}}
  drain_delay: 0s
  threads: 1
admin: {{listen: "127.0.0.1:0", socket: "{0}/admin.sock"}}
store: {{url: "sqlite:{0}/store.db", reserve: 0B}}
handlers:
  audit: {{type: file, path: "{0}/audit.jsonl", routes: [{{}}]}}
{1})",
            dir.path().string(), more
        );
    }

    void write_config(const std::string& text) const { std::ofstream(config_path) << text; }

    /// What `serve` would have stored once Graph had agreed.
    void know_subscription() const {
        prometheus::Registry registry;
        store::Metrics metrics(registry);
        store::StoreOptions options;
        options.url = "sqlite:" + dir.file("store.db");
        options.reserve = 0;
        const auto store = store::open_store(options, real_clock(), metrics).value();
        store::SubscriptionRecord record;
        record.state = store::SubscriptionState::Active;
        record.name = "inbox";
        record.tenant = "contoso";
        record.kind = "message";
        record.resource = "users/x/messages";
        record.changes = "created";
        record.graph_id = kGraphId;
        record.state_hash = sha256(kClientState);
        record.created_at = real_clock().system_now();
        record.expires_at = record.created_at + std::chrono::hours(24);
        const auto put = wait_for<std::int64_t>([&](Completion<std::int64_t> done) {
            store->put_subscription(record, std::move(done));
        });
        ASSERT_TRUE(put);
    }

    [[nodiscard]] static std::string notification(int number) {
        return fmt::format(
            R"({{"value":[{{"id":"n{1}","subscriptionId":"{0}","changeType":"created","clientState":"{2}",)"
            R"("resource":"Users/x/Messages/m{1}","resourceData":{{"@odata.type":"#Microsoft.Graph.Message","id":"m{1}"}}}}]}})",
            kGraphId, number, kClientState
        );
    }

    /// The status of a POST over TLS, with the certificate verified.
    [[nodiscard]] int post(std::uint16_t port, const std::string& body) const {
        HttpClientOptions options;
        options.ca_file = dir.file("server.crt");
        const auto client = make_http_client(options);
        HttpRequest request;
        request.method = "POST";
        request.url = fmt::format("https://localhost:{}/graph/notifications", port);
        request.headers = {{"Content-Type", "application/json"}};
        request.body = body;
        const auto response = client->send(request, {});
        return response ? response->status : -1;
    }

    /// Waits until the file has so many lines; true: it has.
    [[nodiscard]] bool lines_come(const std::string& path, std::size_t wanted) const {
        const int watch = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        ::inotify_add_watch(watch, dir.path().c_str(), IN_MODIFY | IN_CREATE);
        bool there = false;
        for (;;) {
            const auto text = test::file_text(path);
            there = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) >= wanted;
            pollfd changed{watch, POLLIN, 0};
            if (there || ::poll(&changed, 1, 60'000) != 1) break;
            std::array<char, 4'096> events{};
            while (::read(watch, events.data(), events.size()) > 0) {
            }
        }
        ::close(watch);
        return there;
    }

    TempDir dir;
    std::string config_path = dir.file("graphhook.yaml");
};

}  // namespace graphhook::test
