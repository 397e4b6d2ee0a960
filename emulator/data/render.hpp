#pragma once

#include "emulator/data/world.hpp"

#include <boost/json/object.hpp>

namespace graphhook::emulator {

/// An object as Graph shows it: id, etag, times and a few plausible properties, all made of its
/// number and its last change.
boost::json::object render(
    const Tenant& tenant, const Collection& collection, const Object& object
);

/// As it would look like, to know which properties there are.
boost::json::object render_sample(const Tenant& tenant, const Collection& collection);

/// What a delta says of an object that is gone (protocol 8.1, 8.5).
boost::json::object render_removed(const Collection& collection, const Object& object);

}  // namespace graphhook::emulator
