#include "app/api/unsid_views.hpp"

#include "app/api/repairs.hpp"
#include "app/config/nearest.hpp"
#include "core/text.hpp"
#include "core/time_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace graphhook::app {
namespace {

namespace json = boost::json;

Result<std::string> text_member(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr) return std::string();
    const auto* text = value->if_string();
    if (text == nullptr || text->empty())
        return fail(Errc::BadInput, fmt::format("'{}' is not a text", name));
    return std::string(*text);
}

}  // namespace

json::object to_json(const store::Unsid& unsid, SystemTime now) {
    return {
        {"tenant_id", unsid.tenant_id},
        {"user_id", unsid.user_id},
        {"platform", unsid.platform},
        {"unsid", unsid.unsid},
        {"client_id", unsid.client_id},
        {"expires_at", to_text(unsid.expires_at)},
        {"registered_at", to_text(unsid.registered_at)},
        {"live", unsid.expires_at > now},
    };
}

Result<store::UnsidQuery> unsid_query(
    std::string_view tenant_id, std::string_view user_id, std::string_view unsid
) {
    if (!tenant_id.empty() && !is_guid(tenant_id))
        return fail(Errc::BadInput, "'tenant_id' is not a GUID");
    if (!user_id.empty() && !is_guid(user_id))
        return fail(Errc::BadInput, "'user_id' is not a GUID");
    if (!unsid.empty() && !store::is_unsid(unsid))
        return fail(Errc::BadInput, "'unsid' is not 1 to 128 of A-Z a-z 0-9 . _ : -");
    store::UnsidQuery query;
    query.tenant_id = lowered(tenant_id);
    query.user_id = lowered(user_id);
    query.unsid = std::string(unsid);
    return query;
}

Result<store::UnsidQuery> parse_unsid_selection(const json::value& body) {
    const auto* object = body.if_object();
    if (object == nullptr) return fail(Errc::BadInput, "the body is not a JSON object");
    if (const auto known = only_known(*object, {"tenant_id", "user_id", "unsid", "all"}); !known)
        return known.error();
    const auto tenant = text_member(*object, "tenant_id");
    if (!tenant) return tenant.error();
    const auto user = text_member(*object, "user_id");
    if (!user) return user.error();
    const auto unsid = text_member(*object, "unsid");
    if (!unsid) return unsid.error();
    bool all = false;
    if (const auto* value = object->if_contains("all")) {
        if (!value->is_bool()) return fail(Errc::BadInput, "'all' is neither true nor false");
        all = value->as_bool();
    }
    const bool one = !user->empty() || !unsid->empty();
    if (one == all || (all && tenant->empty()))
        return fail(Errc::BadInput, "say which: 'user_id', or 'unsid', or 'tenant_id' with 'all'");
    return unsid_query(*tenant, *user, *unsid);
}

Result<std::string> tenant_id_of(
    const std::vector<subscriptions::Tenant>& tenants, std::string_view name_or_id
) {
    const auto found = std::ranges::find(tenants, name_or_id, &subscriptions::Tenant::name);
    if (found != tenants.end()) return lowered(found->tenant_id);
    if (is_guid(name_or_id)) return lowered(name_or_id);
    return fail(
        Errc::BadInput,
        fmt::format("there is no tenant '{}' in the configuration", for_message(name_or_id))
    );
}

std::string tenant_name_of(
    const std::vector<subscriptions::Tenant>& tenants, std::string_view tenant_id
) {
    std::string names;
    for (const auto& tenant : tenants) {
        if (!same_letters(tenant.tenant_id, tenant_id)) continue;
        if (!names.empty()) names += ',';
        names += tenant.name;
    }
    return names.empty() ? std::string(tenant_id) : names;
}

}  // namespace graphhook::app
