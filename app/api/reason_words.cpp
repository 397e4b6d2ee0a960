#include "app/api/reason_words.hpp"

namespace graphhook::app {

using authenticity::Reason;
using receiver::Refusal;

std::string_view in_words(Reason reason) noexcept {
    switch (reason) {
        case Reason::None:
            return "genuine";
        case Reason::TokensNull:
            return "Graph sent null for a token: the application's service principal demands role "
                   "assignments (appRoleAssignmentRequired); set that to false, or assign a role "
                   "to Microsoft Graph Change Tracking";
        case Reason::KeysMissing:
            return "there is no key set of the identity platform, or none younger than a week";
        case Reason::KeyUnknown:
            return "no key of that kid is in the key sets; newer ones may have it";
        case Reason::ClockDoubtful:
            return "too early or too late by a clock that is wrong: set the clock";
        case Reason::NoPrivateKey:
            return "the private key of its certificate is not in the keyring";
        case Reason::TokensMissing:
            return "resource data came without any validation token";
        case Reason::TokenMalformed:
            return "the token is no signed token in compact form, is too large, or holds a member "
                   "twice or of a wrong type";
        case Reason::TokenAlgorithm:
            return "the token is not signed with RS256, or brings its own key";
        case Reason::TokenKeyUnknown:
            return "no key of that kid exists: key sets fetched a day later do not have it";
        case Reason::TokenSignature:
            return "the token's signature is wrong";
        case Reason::TokenExpired:
            return "the token had expired when it was received";
        case Reason::TokenNotYetValid:
            return "the token was not yet valid when it was received";
        case Reason::TokenAudience:
            return "the token is not for one of the configured applications (client_id)";
        case Reason::TokenPublisher:
            return "the token is not from Microsoft Graph Change Tracking";
        case Reason::TokenIssuer:
            return "the token's issuer is not that of its tenant, cloud and key";
        case Reason::TokenCoverage:
            return "no token is of the item's tenant and application";
        case Reason::ContentMalformed:
            return "encryptedContent lacks a member, or is not base64";
        case Reason::DataKey:
            return "the data key was not made for this private key, or has a wrong length";
        case Reason::DataSignature:
            return "the signature over the encrypted data is wrong";
        case Reason::DataCiphertext:
            return "the encrypted data has a wrong length or padding";
        case Reason::DataJson:
            return "what was decrypted is not a JSON object";
    }
    return "unknown";
}

std::string_view in_words(Refusal refusal) noexcept {
    switch (refusal) {
        case Refusal::NotAnObject:
            return "it is not a JSON object";
        case Refusal::NoSubscriptionId:
            return "it names no subscription";
        case Refusal::ValidationMessage:
            return "it is what Graph sends to an event hub to try it";
        case Refusal::Ambiguous:
            return "it has its subscriptionId or its clientState twice";
        case Refusal::UnknownSubscription:
            return "the store knows no such subscription";
        case Refusal::ClientState:
            return "its client state is not that of the subscription";
        case Refusal::ForeignTenant:
            return "it names another tenant than the subscription's";
    }
    return "unknown";
}

}  // namespace graphhook::app
