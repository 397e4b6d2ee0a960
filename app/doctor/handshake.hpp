#pragma once

#include "app/doctor/finding.hpp"
#include "app/doctor/probe.hpp"
#include "core/clock.hpp"

namespace graphhook::app::doctor {

/// What a handshake through the real name says, in Graph's eyes: it has to be answered in 10 s,
/// over TLS 1.2, with a certificate that everybody trusts, by 200, text/plain, and the token
/// itself. Where somebody else answers it is said who. Pure.
[[nodiscard]] Findings judge_handshake(const Exchange& exchange, SystemTime now);

/// What the same request says at the place where client apps hand in UNSIDs: it has no bearer
/// token, and so graphhook itself asks for one (401). Pure.
[[nodiscard]] Findings judge_unsid_door(const Exchange& exchange);

}  // namespace graphhook::app::doctor
