#pragma once

#include "emulator/identity/identity.hpp"
#include "emulator/url.hpp"
#include "tests/emulator/fake_clock.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace graphhook::emulator::test {

inline constexpr std::string_view kTenant = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
inline constexpr std::string_view kGraphScope = "https://graph.microsoft.com/.default";

using Form = std::map<std::string, std::string>;

/// The identity platform without sockets, on a clock that stands still.
class IdentityFixture : public testing::Test {
  protected:
    void start(IdentityOptions options = {}) {
        identity_ = std::make_unique<Identity>(
            std::move(options), SigningKey::make().value(), stats_, clock_
        );
    }
    /// What a JSON text adds to the directory.
    void add(std::string_view json) {
        const auto added = identity_->directory().add(boost::json::parse(json).as_object());
        ASSERT_TRUE(added) << added.error().detail;
    }

    static Request request(std::string method, std::string target, std::string body = {}) {
        Request made;
        made.method = std::move(method);
        made.target = std::move(target);
        made.body = std::move(body);
        made.base = "https://localhost:1";
        made.headers.emplace_back(
            "content-type", "application/x-www-form-urlencoded; charset=utf-8"
        );
        return made;
    }
    static std::string text_of(const Form& form) {
        std::string text;
        for (const auto& [name, value] : form)
            text += (text.empty() ? "" : "&") + form_encode(name) + "=" + form_encode(value);
        return text;
    }
    Response post(std::string_view path, const std::string& body) {
        return identity_->handle(request("POST", std::string(path), body)).value();
    }
    Response token(const Form& form, std::string_view tenant = kTenant) {
        return post("/" + std::string(tenant) + "/oauth2/v2.0/token", text_of(form));
    }
    static boost::json::object json(const Response& response) {
        return boost::json::parse(response.body).as_object();
    }
    static std::string text(const Response& response, std::string_view member) {
        return std::string(json(response).at(member).as_string());
    }
    /// "401 invalid_client 7000215", or "200".
    static std::string verdict(const Response& response) {
        if (response.status == 200) return "200";
        const auto body = json(response);
        const auto code = std::to_string(body.at("error_codes").at(0).as_int64());
        EXPECT_TRUE(std::string(body.at("error_description").as_string())
                        .starts_with("AADSTS" + code + ": "));
        return std::to_string(response.status) + " " + std::string(body.at("error").as_string()) +
               " " + code;
    }
    static Form with_secret(
        const std::string& client = "app-1", const std::string& secret = "emulator-secret"
    ) {
        return {
            {"grant_type", "client_credentials"},
            {"client_id", client},
            {"scope", std::string(kGraphScope)},
            {"client_secret", secret}
        };
    }
    AccessTokens::Reading read(const Response& response) {
        return identity_->read_token(text(response, "access_token"));
    }

    FakeClock clock_;
    Stats stats_;
    std::unique_ptr<Identity> identity_;
};

}  // namespace graphhook::emulator::test
