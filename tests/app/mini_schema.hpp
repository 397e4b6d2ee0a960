#pragma once

#include <boost/json/value.hpp>

#include <string>
#include <vector>

namespace graphhook::app {

/// Judges a document by a JSON Schema: the keywords that ours uses, and an exception for any other,
/// so that none is passed over in silence. Answers the paths of what does not fit.
std::vector<std::string> misfits(const boost::json::value& schema, const boost::json::value& value);

/// A YAML text as an editor's language server reads it: plain scalars are numbers, booleans or null
/// where they look like it.
boost::json::value yaml_as_json(const std::string& text);

}  // namespace graphhook::app
