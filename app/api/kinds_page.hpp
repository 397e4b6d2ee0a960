#pragma once

#include <boost/json/array.hpp>

#include <string>

namespace graphhook::app {

/// The kinds of resources that are known, one object each: name, paths, changes, lives, lifecycle
/// events, how it is asked again, and what it needs. Facts only: the same on every call.
boost::json::array kinds_json();

/// The same and the permissions, as the tables of docs/kinds.md.
std::string kinds_tables();

}  // namespace graphhook::app
