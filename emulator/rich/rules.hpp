#pragma once

#include "emulator/rules.hpp"

#include <boost/json/object.hpp>

namespace graphhook::emulator {

/// Reads what a create says about resource data (protocol 7.1, 7.2) into a draft whose resource is
/// known; the reason if it is refused.
[[nodiscard]] std::optional<ApiError> read_rich(
    const boost::json::object& body, Subscription& draft
);

/// The certificate and its id of an update (protocol 7.6): both or neither. Nothing is done to the
/// subscription.
[[nodiscard]] ApiResult<std::optional<CertificateChange>> read_certificate_change(
    const boost::json::object& body, const Subscription& subscription
);

/// "$select=subject,from" in a resource; empty without one.
[[nodiscard]] std::vector<std::string> selected_names(std::string_view resource);

}  // namespace graphhook::emulator
