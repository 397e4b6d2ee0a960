#pragma once

#include "core/secret.hpp"
#include "emulator/identity/directory.hpp"
#include "emulator/identity/sign_ins.hpp"
#include "emulator/rich/tokens.hpp"

#include <chrono>

namespace graphhook::emulator {

/// How the identity platform runs. Its times are real ones: clients read them from the clock.
struct IdentityOptions {
    /// Of every app that has no credential of its own.
    Secret client_secret{"emulator-secret"};
    std::chrono::seconds token_life{3599};
    /// The tokens that go with resource data.
    ValidationTokenOptions validation_tokens;
    /// What it knows at the start, and again after a reset.
    Directory directory;
    SignIns::Options sign_ins;
    /// What the App Service endpoint wants in X-IDENTITY-HEADER.
    Secret identity_header{"emulator-identity-header"};
};

}  // namespace graphhook::emulator
