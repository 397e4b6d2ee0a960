#pragma once

#include "authenticity/reason.hpp"
#include "receiver/judge.hpp"

#include <string_view>

namespace graphhook::app {

/// What a reason means to an operator, and what to do where something can be done: half a sentence.
[[nodiscard]] std::string_view in_words(authenticity::Reason reason) noexcept;
[[nodiscard]] std::string_view in_words(receiver::Refusal refusal) noexcept;

}  // namespace graphhook::app
