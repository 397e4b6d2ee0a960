// `notify-user`: posts one user notification from this process.

#include "app/api/unsid_views.hpp"
#include "app/cli/admin_client.hpp"
#include "app/cli/commands.hpp"
#include "app/cli/notify_user.hpp"
#include "app/cli/offline.hpp"
#include "app/config/config_checks.hpp"
#include "app/config/config_file.hpp"
#include "app/config/tool_config.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/time_text.hpp"
#include "handlers/user_notification/poster.hpp"
#include "subscriptions/credentials/client_proof.hpp"
#include "subscriptions/credentials/token_source.hpp"
#include "subscriptions/graph/explain.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using handlers::Outcome;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A longer pause is not waited for: an operator sits there.
constexpr std::chrono::minutes kLongestPause(5);

/// The tenant's way to the service, as `serve` has it.
class TenantWay final : public handlers::NotificationAccess {
  public:
    TenantWay(const subscriptions::Tenant& tenant, milliseconds timeout)
        : tenant_(tenant),
          http_(make_http_client(options(tenant, timeout))),
          tokens_(subscriptions::make_token_source(
              tenant, {.http = *http_, .clock = real_clock(), .metrics = metrics_}
          )) {}

    [[nodiscard]] std::string graph() const override { return tenant_.cloud.graph; }
    [[nodiscard]] bool delegated() const override { return tenant_.delegated(); }
    [[nodiscard]] HttpClient& http() override { return *http_; }
    [[nodiscard]] Result<Secret> token(std::stop_token stop) override {
        auto token = tokens_->get(std::move(stop));
        if (token) return *token;
        without_token = token.error();
        return fail(Errc::Credentials, token.error().message);
    }
    void refused(const Secret& token, std::string_view claims) override {
        tokens_->drop(token, claims);
    }

    /// Why there was no token to ask with.
    std::optional<subscriptions::GraphError> without_token;

  private:
    static HttpClientOptions options(const subscriptions::Tenant& tenant, milliseconds timeout) {
        HttpClientOptions options;
        options.ca_file = tenant.cloud.ca_file;
        options.timeout = timeout;
        return options;
    }

    const subscriptions::Tenant& tenant_;
    prometheus::Registry registry_;
    subscriptions::Metrics metrics_{registry_};
    std::unique_ptr<HttpClient> http_;
    std::unique_ptr<subscriptions::TokenSource> tokens_;
};

/// Keeps what would be sent, and sends nothing.
class DryWay final : public handlers::NotificationAccess, private HttpClient {
  public:
    explicit DryWay(const subscriptions::Tenant& tenant) : tenant_(tenant) {}

    [[nodiscard]] std::string graph() const override { return tenant_.cloud.graph; }
    [[nodiscard]] bool delegated() const override { return tenant_.delegated(); }
    [[nodiscard]] HttpClient& http() override { return *this; }
    [[nodiscard]] Result<Secret> token(std::stop_token /*stop*/) override { return Secret("none"); }
    void refused(const Secret& /*token*/, std::string_view /*claims*/) override {}

    std::optional<HttpRequest> request;

  private:
    [[nodiscard]] Result<HttpResponse> send(
        const HttpRequest& sent, std::stop_token /*stop*/
    ) override {
        request = sent;
        request->bearer = Secret();
        return fail(Errc::Aborted, "nothing is sent");
    }

    const subscriptions::Tenant& tenant_;
};

std::string new_guid() {
    return subscriptions::make_guid(random_hex);
}

ExitCode wrong(const std::string& why) {
    std::cerr << "graphhook: " << why << '\n';
    return kWrongUsage;
}

/// Which tenant, or why it is not known which.
Result<const subscriptions::Tenant*> tenant_of(const Config& config, const std::string& name) {
    const auto& tenants = config.subscriptions.tenants;
    if (name.empty() && tenants.size() == 1) return &tenants.front();
    std::string names;
    for (const auto& tenant : tenants) {
        if (tenant.name == name) return &tenant;
        names += (names.empty() ? "" : ", ") + tenant.name;
    }
    if (tenants.empty()) return fail(Errc::BadInput, "no tenant is configured");
    if (name.empty()) return fail(Errc::BadInput, "say with --tenant which it is of: " + names);
    return fail(
        Errc::BadInput, fmt::format("there is no tenant '{}', but {}", for_log(name), names)
    );
}

/// The options of that user_notification handler; nullptr: none is asked for.
Result<const handlers::UserNotificationOptions*> handler_of(
    const Config& config, const std::string& name
) {
    if (name.empty()) return nullptr;
    const auto found = std::ranges::find(config.handlers, name, &handlers::HandlerOptions::name);
    if (found == config.handlers.end())
        return fail(Errc::BadInput, fmt::format("there is no handler '{}'", for_log(name)));
    const auto* options = std::get_if<handlers::UserNotificationOptions>(&found->type);
    if (options == nullptr)
        return fail(
            Errc::BadInput, fmt::format("handler '{}' is not of type user_notification", name)
        );
    return options;
}

/// The file that the arguments name, if any.
Result<std::string> read_input(const NotifyArguments& arguments) {
    const auto& name = !arguments.file.empty() ? arguments.file : arguments.raw_file.value_or("");
    if (name.empty()) return std::string();
    if (name == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
    return file_system()(name);
}

/// The UNSID of that user that was handed in last and is live: from a running `serve`, else from
/// the store's file.
Result<std::optional<std::string>> find_unsid(
    const Config& config, const std::string& tenant_id, const std::string& user_id
) {
    const auto answer = AdminClient(config.admin.socket)
                            .call(
                                "GET",
                                fmt::format(
                                    "/api/v1/unsids?tenant_id={}&user_id={}&limit=1",
                                    percent_encode(tenant_id), percent_encode(user_id)
                                ),
                                nullptr
                            );
    if (answer) {
        const auto* rows = answer->if_array();
        if (rows == nullptr || rows->empty()) return std::optional<std::string>();
        return std::optional<std::string>(rows->front().at("unsid").as_string());
    }
    if (answer.error().code != Errc::NotFound) return answer.error();
    const auto offline = Offline::open(config);
    if (!offline) return offline.error();
    auto query = unsid_query(tenant_id, user_id, "");
    if (!query) return query.error();
    query->live_at = real_clock().system_now();
    query->limit = 1;
    using Rows = std::vector<store::Unsid>;
    const auto rows = wait_for<Rows>([&](Completion<Rows> done) {
        (*offline)->store().unsids(*query, std::move(done));
    });
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<std::string>();
    return std::optional(rows->front().unsid);
}

/// The request as it would go out but for the token; its body as text, however it is coded.
ExitCode show_request(
    const CommandContext& context, const NotifyPlan& plan, const std::string& unsid,
    const subscriptions::Tenant& tenant
) {
    DryWay way(tenant);
    const auto outcome = handlers::post_notification(
        plan.notification, unsid, way, plan.post, new_guid, real_clock().system_now(), {}
    );
    if (!way.request) return failed(fail(Errc::Refused, outcome.reason));
    const auto body = handlers::to_json(plan.notification, plan.post.wrapped);
    if (context.output == OutputFormat::Json) {
        json::object headers;
        for (const auto& [name, value] : way.request->headers) headers[name] = value;
        print_object(
            context.output,
            json::object{
                {"method", way.request->method},
                {"url", way.request->url},
                {"headers", std::move(headers)},
                {"body", json::parse(body)},
            }
        );
        return kDone;
    }
    std::cout << way.request->method << ' ' << way.request->url << '\n';
    for (const auto& [name, value] : way.request->headers)
        std::cout << name << ": " << value << '\n';
    std::cout << "Authorization: Bearer (the tenant's token)\n\n" << body << std::endl;
    return kDone;
}

struct Posted {
    Outcome outcome;
    unsigned attempts = 1;
};

Posted post(const NotifyPlan& plan, const std::string& unsid, TenantWay& way, unsigned retries) {
    Posted posted;
    for (;; ++posted.attempts) {
        posted.outcome = handlers::post_notification(
            plan.notification, unsid, way, plan.post, new_guid, real_clock().system_now(), {}
        );
        if (posted.outcome.kind != Outcome::Kind::RetryAfter || posted.attempts > retries ||
            way.without_token)
            return posted;
        const milliseconds usual = std::min(seconds(1LL << (posted.attempts - 1)), seconds(60));
        const auto pause = std::max(posted.outcome.delay.value_or(usual), milliseconds(0));
        if (pause > kLongestPause) return posted;
        std::cerr << fmt::format(
            "graphhook: {}; once more in {}\n", posted.outcome.reason, duration_text(pause)
        );
        (void)subscriptions::really_wait(pause, {});
    }
}

/// What to do next, after what did not work.
std::string advice(const Outcome& outcome, const TenantWay& way, const std::string& id) {
    if (way.without_token) {
        subscriptions::Attempt attempt;
        attempt.operation = "read";
        attempt.delegated = way.delegated();
        const auto meaning = subscriptions::explain(*way.without_token, attempt);
        if (way.without_token->next != subscriptions::Next::Credentials)
            return fmt::format(
                "retry: {}: run it again; if it lasts, check the way out of this network",
                meaning.cause
            );
        return fmt::format("retry: {}: {}", meaning.cause, meaning.remedy);
    }
    if (outcome.kind == Outcome::Kind::Dead)
        return "dead: the same would be refused again; mend what it says first";
    return fmt::format(
        "retry: the same may be taken later{}; with --id '{}' it is the same notification, should "
        "this one have arrived after all",
        outcome.delay ? fmt::format(", in {} at the earliest", duration_text(*outcome.delay)) : "",
        for_log(id)
    );
}

ExitCode report(
    const CommandContext& context, const NotifyPlan& plan, const Posted& posted,
    const TenantWay& way, const std::string& tenant
) {
    const auto& id = plan.notification.app_notification_id;
    auto view = outcome_view(posted.outcome, tenant, id, posted.attempts);
    if (context.output == OutputFormat::Table) {
        json::object told;
        for (const auto& [name, value] : view) {
            if (!value.is_null()) told[name] = value;
        }
        view = std::move(told);
    }
    print_object(context.output, view);
    if (posted.outcome.kind == Outcome::Kind::Done) return kDone;
    const auto where = hint(posted.outcome);
    for (const auto& line : {posted.outcome.reason, advice(posted.outcome, way, id), where}) {
        if (!line.empty()) std::cerr << "graphhook: " << line << '\n';
    }
    return kFailed;
}

}  // namespace

ExitCode notify_user(const CommandContext& context, const NotifyArguments& arguments) {
    const auto loaded = load_config(context.config_path);
    if (!loaded.parsed.config) {
        for (const auto& problem : loaded.parsed.problems) {
            if (problem.severity == Problem::Severity::Error)
                std::cerr << to_string(problem, loaded.path) << '\n';
        }
        return kRefused;
    }
    const auto& config = *loaded.parsed.config;
    const auto chosen = tenant_of(config, arguments.tenant);
    if (!chosen) return wrong(chosen.error().detail);
    const auto& tenant = **chosen;
    const auto handler = handler_of(config, arguments.handler);
    if (!handler) return wrong(handler.error().detail);
    NotifyInput input;
    input.handler = *handler;
    input.fresh_id = new_guid();
    auto text = read_input(arguments);
    if (!text) return wrong(text.error().detail);
    input.file = std::move(*text);
    auto problems = check_target(arguments, tenant);
    const auto plan = compose(arguments, input, real_clock().system_now());
    std::ranges::copy(plan.problems, std::back_inserter(problems));
    for (const auto& problem : problems)
        std::cerr << fmt::format("graphhook: {} {}\n", for_log(problem.field), problem.text);
    if (!problems.empty()) return kWrongUsage;

    const auto url = service_url(plan.post, tenant.cloud);
    if (is_microsofts(url))
        std::cerr << fmt::format(
            "graphhook: warning: {} is Microsoft's own service, which was retired in January "
            "2022; --url, or the tenant's cloud, names one that speaks the same API\n",
            for_log(url)
        );
    auto unsid = arguments.unsid;
    if (!arguments.user.empty()) {
        const auto found = find_unsid(config, lowered(tenant.tenant_id), lowered(arguments.user));
        if (!found) return failed(found.error());
        if (!*found) {
            std::cerr << fmt::format(
                "graphhook: user {} of tenant '{}' has no live UNSID: no client app has handed "
                "one in, or it has expired; 'graphhook unsids list --user {} --all' shows which\n",
                lowered(arguments.user), tenant.name, lowered(arguments.user)
            );
            return kFailed;
        }
        unsid = **found;
    }
    if (arguments.dry_run) return show_request(context, plan, unsid, tenant);
    TenantWay way(
        tenant,
        input.handler != nullptr ? input.handler->timeout : config.subscriptions.request_timeout
    );
    const auto posted = post(plan, unsid, way, arguments.retries);
    return report(context, plan, posted, way, tenant.name);
}

}  // namespace graphhook::app
