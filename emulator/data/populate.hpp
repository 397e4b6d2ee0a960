#pragma once

#include "core/error.hpp"
#include "emulator/data/world.hpp"

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace graphhook::emulator {

/// Fills a tenant without notifying anybody. Members, all but `tenant` optional: users, guests,
/// disabled (so many of the users), devices, groups, groupMembers (a number, or "all": users and
/// devices), nestedGroups (true: each group is a member of the one before), drive and driveItems
/// and personal, user and mailFolders and messagesPerFolder, resource and objects. The answer says
/// what there is: counts, and ids of the first new groups and users. Errc::BadInput.
[[nodiscard]] Result<boost::json::object> populate(World& world, const boost::json::object& body);

/// How subscriptions to what belongs to a user are refused: "no-mailbox", "no-licence",
/// "mailbox-quota", or "nothing" to allow them again. Errc::BadInput, Errc::NotFound.
[[nodiscard]] Result<void> mark_user(
    World& world, std::string_view tenant, std::string_view user, std::string_view refuse
);

}  // namespace graphhook::emulator
