#include "emulator/identity/identity.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace graphhook::emulator {
namespace {

/// What a key of the set is good for: tokens of this tenant, or, in the common set, of each
/// (protocol 7.9).
std::string key_issuer(std::string_view tenant, bool v2) {
    const auto name = tenant == "common" || tenant == "organizations" ? "{tenantid}" : tenant;
    return v2 ? fmt::format("https://login.microsoftonline.com/{}/v2.0", name)
              : fmt::format("https://sts.windows.net/{}/", name);
}

constexpr std::string_view kPage =
    "<!DOCTYPE html><html><head><title>Service unavailable</title></head><body><h2>Our services "
    "aren't available right now</h2></body></html>";

}  // namespace

Response Identity::key_set(std::string_view tenant, bool v2) {
    ++stats_.key_set_requests;
    auto keys = keys_.key_set(key_issuer(tenant, v2));
    if (auto consumer = validation_tokens_.consumer_key()) keys.push_back(std::move(*consumer));
    auto response =
        json_response(200, boost::json::serialize(boost::json::object{{"keys", std::move(keys)}}));
    const auto fault = faults_.take(TokenFaultKind::Keys, tenant);
    if (!fault) return response;
    ++stats_.faults_struck;
    const auto& form = fault->form;
    if (form == "slow") {
        response.delay = fault->delay;
    } else if (form == "cut-off") {
        response.cut_off = true;
    } else if (form == "html") {
        response = Response(200, "text/html; charset=utf-8", std::string(kPage));
    } else if (form == "garbage") {
        response = json_response(200, "{\"keys\":[{\"kty\":\"RSA\",");
    } else if (form == "empty") {
        response = json_response(200, R"({"keys":[]})");
    } else if (form == "blank") {
        response = json_response(200, "");
    } else if (form == "wrong-json") {
        response = json_response(200, R"({"keys":{"kid":7}})");
    } else if (form == "redirect") {
        response = Response(302, "", "");
        response.headers.emplace_back("Location", fault->location);
    } else {
        response = json_response(fault->status, R"({"error":"temporarily_unavailable"})");
    }
    return response;
}

}  // namespace graphhook::emulator
