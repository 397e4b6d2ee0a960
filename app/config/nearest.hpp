#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace graphhook::app {

/// The known word that `word` was probably meant to be: at most a third of its letters, and at
/// least two, changed, dropped, added or swapped. Empty: none is near.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);

/// Text from the file made fit for one line.
std::string for_message(std::string_view text);

}  // namespace graphhook::app
