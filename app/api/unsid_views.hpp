#pragma once

#include "core/error.hpp"
#include "store/unsid.hpp"
#include "subscriptions/options.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace graphhook::app {

/// As the admin API and `--output json` show one.
boost::json::object to_json(const store::Unsid& unsid, SystemTime now);

/// Those texts as a query: GUIDs in lower case. Empty ones match everything. Errc::BadInput.
[[nodiscard]] Result<store::UnsidQuery> unsid_query(
    std::string_view tenant_id, std::string_view user_id, std::string_view unsid
);

/// Which UNSIDs the body of a request is about: "user_id" or "unsid" or both, and "tenant_id"; or
/// "tenant_id" with "all". Errc::BadInput names what is wrong.
[[nodiscard]] Result<store::UnsidQuery> parse_unsid_selection(const boost::json::value& body);

/// The tenant's GUID, from the name that it has in the configuration, or as given. Errc::BadInput:
/// there is no such name.
[[nodiscard]] Result<std::string> tenant_id_of(
    const std::vector<subscriptions::Tenant>& tenants, std::string_view name_or_id
);
/// The names that the configuration has for that GUID, joined by ","; the GUID, where it has none.
[[nodiscard]] std::string tenant_name_of(
    const std::vector<subscriptions::Tenant>& tenants, std::string_view tenant_id
);

}  // namespace graphhook::app
