#pragma once

#include "emulator/data/data_api.hpp"
#include "emulator/data/populate.hpp"
#include "tests/emulator/drafts.hpp"
#include "tests/emulator/fake_clock.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace graphhook::emulator::test {

/// Data and the API that reads it, without sockets.
class DataTest : public testing::Test {
  protected:
    struct Answer {
        int status = 0;
        boost::json::object json;
        std::vector<std::pair<std::string, std::string>> headers;

        [[nodiscard]] std::string header(std::string_view name) const {
            for (const auto& [key, value] : headers) {
                if (key == name) return value;
            }
            return {};
        }
        [[nodiscard]] std::string text(std::string_view name) const {
            const auto* value = json.if_contains(name);
            return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
        }
        [[nodiscard]] std::string code() const {
            return json.contains("error") ? std::string(json.at("error").at("code").as_string())
                                          : "";
        }
        [[nodiscard]] const boost::json::array& value() const {
            return json.at("value").as_array();
        }
        [[nodiscard]] std::string next() const { return text("@odata.nextLink"); }
        [[nodiscard]] std::string delta() const { return text("@odata.deltaLink"); }
    };

    explicit DataTest(DataApi::Options options = {}) : api_(options, world_, faults_, clock_) {}

    /// A path below /v1.0/, or a link.
    Answer get(
        const std::string& where, std::vector<std::pair<std::string, std::string>> headers = {}
    ) {
        return send("GET", where, {}, std::move(headers));
    }
    Answer send(
        const std::string& method, const std::string& where, const std::string& body = {},
        std::vector<std::pair<std::string, std::string>> headers = {}
    ) {
        Request request;
        request.method = method;
        request.base = kBase;
        request.target = where.starts_with(kBase) ? where.substr(kBase.size()) : "/v1.0/" + where;
        request.headers = std::move(headers);
        request.body = body;
        const std::string path(request.path());
        const auto split = DataApi::split(path).value();
        auto response = api_.handle(request, split.rest, caller_, split.version, {"id", ""});
        Answer answer;
        if (!response) return answer;
        answer.status = response->status;
        answer.headers = response->headers;
        boost::system::error_code error;
        auto json = boost::json::parse(response->body, error);
        if (!error && json.is_object()) answer.json = std::move(json.as_object());
        return answer;
    }
    /// All elements of a list or of a round, page by page; the delta link in `delta`.
    boost::json::array all(const std::string& where, std::string* delta = nullptr) {
        boost::json::array elements;
        std::string link = where;
        while (!link.empty()) {
            const auto answer = get(link);
            EXPECT_EQ(answer.status, 200) << boost::json::serialize(answer.json);
            if (answer.status != 200) break;
            for (const auto& element : answer.value()) elements.push_back(element);
            if (delta != nullptr) *delta = answer.delta();
            link = answer.next();
        }
        return elements;
    }
    boost::json::object fill(boost::json::object body) {
        body["tenant"] = kTenant;
        return populate(world_, body).value();
    }
    Happening change(
        const std::string& resource, ChangeType type, std::uint64_t number,
        const Detail& detail = {}
    ) {
        return world_.change(
            kTenant, landing_of(recognise(resource).value()), type, number, detail
        );
    }
    static std::set<std::string> ids(const boost::json::array& elements) {
        std::set<std::string> found;
        for (const auto& element : elements) found.emplace(element.at("id").as_string());
        return found;
    }

    inline static const std::string kBase = "https://localhost:8443";
    inline static const std::string kTenant = someone().tenant;
    FakeClock clock_;
    Faults faults_;
    World world_{clock_};
    Caller caller_ = someone();
    DataApi api_;
};

}  // namespace graphhook::emulator::test
