#pragma once

#include <string>
#include <string_view>

namespace graphhook::store {

/// One spelling for the many of one resource, letters as they are: without scheme and host, leading
/// slashes, "v1.0/" or "beta/", and `$`-options; `Users('x')` becomes `Users/x` (a doubled quote in
/// it one quote, a slash in it "%2f", so that no id can pretend to be a path). `f(name='x')` stays.
[[nodiscard]] std::string canonical_resource(std::string_view resource);

/// The same in lower case: what order keys and identities are made of. Ids of Outlook and drives
/// tell letters apart, so two resources may share this spelling: harmless in an order key (one
/// waits for the other), and where things could be dropped the exact id is looked at as well.
[[nodiscard]] std::string normalise_resource(std::string_view resource);

}  // namespace graphhook::store
