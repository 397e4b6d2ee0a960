#include "emulator/cli/user_notification_commands.hpp"

#include "emulator/cli/print.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <string_view>

namespace graphhook::emulator::cli {
namespace {

using boost::json::array;
using boost::json::object;

constexpr std::string_view kRoot = "/emulator/user-notifications/";

std::string path_of(std::string_view endpoint, std::string_view rest = {}) {
    return fmt::format("{}endpoints/{}{}", kRoot, endpoint, rest);
}

int print(const Result<object>& answer, Output output, std::string (*line)(const object&)) {
    if (!answer) return trouble(answer.error());
    say(output == Output::Json ? boost::json::serialize(*answer) : line(*answer));
    return 0;
}

std::string endpoint_line(const object& json) {
    return fmt::format(
        "endpoint {}\nUNSID    {}\nexpires  {}", cell(json, "endpointId"),
        cell(json, "userNotificationSubscriptionId"), cell(json, "expirationDateTime")
    );
}

/// The short text of a content, for a table.
std::string shown(const object& notification) {
    const auto* visual = notification.if_contains("visualContent");
    if (visual != nullptr && visual->is_object()) return cell(visual->as_object(), "title");
    return notification.contains("content") && notification.at("content").is_string() ? "(raw)"
                                                                                      : "-";
}

}  // namespace

int add_endpoint(const Target& target, const object& request, Output output) {
    return print(
        Client(target).send("POST", fmt::format("{}endpoints", kRoot), request), output,
        endpoint_line
    );
}

int list_endpoints(const Target& target, Output output) {
    const auto answer = Client(target).send("GET", fmt::format("{}endpoints", kRoot));
    if (!answer) return trouble(answer.error());
    const auto& all = answer->at("endpoints").as_array();
    if (output == Output::Json) {
        say(boost::json::serialize(all));
        return 0;
    }
    say(fmt::format("{:<37}{:<9}{:<37}{:<22}{}", "ID", "PLATFORM", "UNSID", "EXPIRES", "USER"));
    for (const auto& element : all) {
        const auto& one = element.as_object();
        const auto name = cell(one, "userPrincipalName");
        say(fmt::format(
            "{:<37}{:<9}{:<37}{:<22}{}", cell(one, "endpointId"), cell(one, "platform"),
            cell(one, "userNotificationSubscriptionId"),
            one.at("live").as_bool() ? cell(one, "expirationDateTime") : "over",
            name == "-" ? cell(one, "userId") : name
        ));
    }
    return 0;
}

int endpoint_feed(
    const Target& target, const std::string& endpoint, std::uint64_t after, Output output
) {
    Client client(target);
    array all;
    object page;
    do {
        auto answer =
            client.send("GET", path_of(endpoint, fmt::format("/feed?after={}&limit=1000", after)));
        if (!answer) return trouble(answer.error());
        page = std::move(*answer);
        after = page.at("cursor").to_number<std::uint64_t>();
        for (auto& one : page.at("notifications").as_array()) all.push_back(std::move(one));
    } while (page.at("more").as_bool());
    if (output == Output::Json) {
        say(boost::json::serialize(object{{"notifications", std::move(all)}, {"cursor", after}}));
        return 0;
    }
    say(fmt::format(
        "{:<8}{:<37}{:<9}{:<8}{:<15}{}", "NUMBER", "ID", "STATUS", "READ", "ACTION", "SHOWN"
    ));
    for (const auto& element : all) {
        const auto& one = element.as_object();
        say(fmt::format(
            "{:<8}{:<37}{:<9}{:<8}{:<15}{}", cell(one, "number"), cell(one, "id"),
            cell(one, "status"), cell(one, "readState"), cell(one, "userActionState"), shown(one)
        ));
    }
    return 0;
}

int act_on_notification(
    const Target& target, const std::string& endpoint, const std::string& notification,
    const object& act, Output output
) {
    const auto path = path_of(endpoint, fmt::format("/notifications/{}", notification));
    Client client(target);
    return print(
        act.empty() ? client.send("DELETE", path) : client.send("PATCH", path, act), output,
        [](const object& json) { return "done " + cell(json, "id"); }
    );
}

int renew_endpoint(
    const Target& target, const std::string& endpoint, const object& request, Output output
) {
    return print(Client(target).send("PATCH", path_of(endpoint), request), output, endpoint_line);
}

int remove_endpoint(const Target& target, const std::string& endpoint, Output output) {
    return print(Client(target).send("DELETE", path_of(endpoint)), output, [](const object& json) {
        return "removed " + cell(json, "endpointId");
    });
}

int received_notifications(const Target& target, Output output) {
    Client client(target);
    array all;
    std::uint64_t after = 0;
    bool more = true;
    while (more) {
        auto page = client.send("GET", fmt::format("{}received?after={}&limit=1000", kRoot, after));
        if (!page) return trouble(page.error());
        for (auto& one : page->at("received").as_array()) all.push_back(std::move(one));
        more = page->contains("next");
        if (more) after = page->at("next").to_number<std::uint64_t>();
    }
    if (output == Output::Json) {
        say(boost::json::serialize(all));
        return 0;
    }
    say(fmt::format(
        "{:<8}{:<8}{:<28}{:<11}{:<37}{}", "NUMBER", "STATUS", "CODE", "ENDPOINTS", "UNSID",
        "APP NOTIFICATION ID"
    ));
    for (const auto& element : all) {
        const auto& one = element.as_object();
        say(fmt::format(
            "{:<8}{:<8}{:<28}{:<11}{:<37}{}", cell(one, "number"), cell(one, "status"),
            cell(one, "code"), cell(one, "endpoints"), cell(one, "unsid"),
            cell(one, "appNotificationId")
        ));
    }
    return 0;
}

int block_app(const Target& target, const std::string& app, bool blocked, Output output) {
    return print(
        Client(target).send(
            "POST", fmt::format("{}blocked", kRoot), {{"appId", app}, {"blocked", blocked}}
        ),
        output, [](const object& json) { return "blocked: " + cell(json, "blocked"); }
    );
}

int notification_apps(const Target& target, const object& request, Output output) {
    Client client(target);
    const auto path = fmt::format("{}apps", kRoot);
    return print(
        request.empty() ? client.send("GET", path) : client.send("POST", path, request), output,
        [](const object& json) {
            std::string lines;
            for (const auto& app : json.at("apps").as_array())
                lines += (lines.empty() ? "" : "\n") + boost::json::serialize(app);
            return lines.empty() ? std::string("no app is registered: each takes all") : lines;
        }
    );
}

}  // namespace graphhook::emulator::cli
