#pragma once

#include "app/cli/commands.hpp"
#include "app/cli/inspect.hpp"
#include "core/error.hpp"

#include <string>
#include <variant>

namespace graphhook::app {

/// What a command ends with instead, and why, for standard error.
struct Refusal {
    ExitCode code = kWrongUsage;
    std::string why;
};

/// Finds everything that `inspect` goes by: the body, the configuration (unless a tenant was given,
/// or there is none), the store's subscriptions and key sets, the keyring; or what was given
/// instead. Reads only, and no network. What is missing and can be done without becomes a note.
/// Says what is wrong with the configuration on standard error.
[[nodiscard]] std::variant<InspectFacts, Refusal> gather_inspect(
    const CommandContext& context, const InspectArguments& arguments, Clock& clock
);

/// A JWKS document as the key sets of these authorities. A file does not say whose it is: issuers
/// are those that Microsoft's clouds are known by; of another authority those that the keys
/// themselves name, or the usual form below its address. Errc::BadInput. Pure.
[[nodiscard]] Result<authenticity::KeySets> key_sets_from(
    const std::vector<std::string>& documents, const std::vector<ProvenTenant>& tenants,
    SystemTime at
);

}  // namespace graphhook::app
