// UNSIDs that client apps handed in: looked at in the store, dropped by the running `serve`.

#include "app/api/unsid_views.hpp"
#include "app/cli/admin_client.hpp"
#include "app/cli/commands.hpp"
#include "app/cli/offline.hpp"
#include "app/cli/output.hpp"
#include "app/config/tool_config.hpp"
#include "core/text.hpp"
#include "store/unsid.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <iostream>
#include <vector>

namespace graphhook::app {
namespace {

namespace json = boost::json;

const std::vector<Column> kColumns = {
    {"TENANT", "tenant"},
    {"USER", "user_id"},
    {"PLATFORM", "platform"},
    {"UNSID", "unsid"},
    {"CLIENT", "client_id"},
    {"EXPIRES", "expires_at"},
    {"REGISTERED", "registered_at"},
};

/// What was given on the command line as a query. Errc::BadInput.
Result<store::UnsidQuery> query_of(const Config& config, const UnsidArguments& which) {
    std::string tenant;
    if (!which.tenant.empty()) {
        auto id = tenant_id_of(config.subscriptions.tenants, which.tenant);
        if (!id) return id.error();
        tenant = std::move(*id);
    }
    // What the options are called, not the members of the API.
    if (!which.user.empty() && !is_guid(which.user))
        return fail(Errc::BadInput, "--user is not an object id (GUID)");
    if (!which.unsid.empty() && !store::is_unsid(which.unsid))
        return fail(Errc::BadInput, "--unsid is not 1 to 128 of A-Z a-z 0-9 . _ : -");
    return unsid_query(tenant, which.user, which.unsid);
}

ExitCode wrong(const Error& error) {
    std::cerr << "graphhook: " << error.detail << '\n';
    return kWrongUsage;
}

}  // namespace

ExitCode list_unsids(const CommandContext& context, const UnsidArguments& which) {
    const auto opened = open_offline(context);
    if (opened->offline == nullptr) return opened->code;
    auto query = query_of(*opened->config, which);
    if (!query) return wrong(query.error());
    const auto now = real_clock().system_now();
    if (!which.all) query->live_at = now;
    const auto limit = static_cast<std::size_t>(which.limit);
    query->limit = limit + 1;
    using Rows = std::vector<store::Unsid>;
    auto rows = wait_for<Rows>([&](Completion<Rows> done) {
        opened->offline->store().unsids(*query, std::move(done));
    });
    if (!rows) return failed(rows.error());
    const bool more = rows->size() > limit;
    if (more) rows->resize(limit);
    json::array array;
    for (const auto& row : *rows) {
        auto object = to_json(row, now);
        object["tenant"] = tenant_name_of(opened->config->subscriptions.tenants, row.tenant_id);
        array.push_back(std::move(object));
    }
    print_rows(context.output, kColumns, array);
    if (more) std::cerr << "graphhook: there are more; narrow it, or raise --limit\n";
    return kDone;
}

ExitCode drop_unsids(const CommandContext& context, const UnsidArguments& which) {
    const bool one = !which.user.empty() || !which.unsid.empty();
    if (one == which.all || (which.all && which.tenant.empty()))
        return wrong(fail(
            Errc::BadInput, "say which: --user, or --unsid, or --tenant with --all (everyone's)"
        ));
    const auto config = load_for_tools(context.config_path);
    if (!config) return kRefused;
    const auto query = query_of(*config, which);
    if (!query) return wrong(query.error());
    json::object body;
    if (!query->tenant_id.empty()) body["tenant_id"] = query->tenant_id;
    if (!query->user_id.empty()) body["user_id"] = query->user_id;
    if (!query->unsid.empty()) body["unsid"] = query->unsid;
    if (which.all) body["all"] = true;
    const auto answer = AdminClient(config->admin.socket).call("POST", "/api/v1/unsids/drop", body);
    if (!answer) return failed(answer.error());
    if (const auto* object = answer->if_object()) print_object(context.output, *object);
    return kDone;
}

}  // namespace graphhook::app
