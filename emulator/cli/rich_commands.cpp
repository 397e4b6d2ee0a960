#include "emulator/cli/rich_commands.hpp"

#include "emulator/cli/print.hpp"
#include "emulator/rich/forgery.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <cstdio>

namespace graphhook::emulator::cli {
using boost::json::object;

int keys(const Target& target, const std::string& action, Output output) {
    Client client(target);
    const auto answer = action == "list"
                            ? client.send("GET", "/emulator/keys")
                            : client.send("POST", "/emulator/keys", {{"action", action}});
    if (!answer) return trouble(answer.error());
    if (output == Output::Json) {
        say(boost::json::serialize(*answer));
        return 0;
    }
    say(fmt::format("{:<30}{:<12}{}", "KID", "KEY SETS", "SIGNS"));
    for (const auto& element : answer->at("keys").as_array()) {
        const auto& key = element.as_object();
        say(fmt::format(
            "{:<30}{:<12}{}", std::string(key.at("kid").as_string()),
            key.at("published").as_bool() ? "yes" : "no", key.at("signing").as_bool() ? "yes" : "no"
        ));
    }
    return 0;
}

int token_clock(const Target& target, std::int64_t offset, Output output) {
    const auto answer =
        Client(target).send("POST", "/emulator/token-clock", {{"offsetSeconds", offset}});
    if (!answer) return trouble(answer.error());
    say(output == Output::Json ? boost::json::serialize(*answer)
                               : fmt::format("validation tokens are made {} s off", offset));
    return 0;
}

int forgeries(Output output) {
    boost::json::array all;
    if (output == Output::Table)
        say(fmt::format("{:<23}{:<7}{:<9}{}", "NAME", "SCOPE", "VERDICT", "WHAT IS SENT"));
    for (const ForgeryKind& kind : forgery_kinds()) {
        if (output == Output::Table) {
            say(fmt::format(
                "{:<23}{:<7}{:<9}{}", kind.name, to_string(kind.scope), to_string(kind.verdict),
                kind.sent
            ));
            continue;
        }
        all.push_back(object{
            {"name", kind.name},
            {"scope", to_string(kind.scope)},
            {"verdict", to_string(kind.verdict)},
            {"sent", kind.sent},
        });
    }
    if (output == Output::Json) say(boost::json::serialize(all));
    return 0;
}

}  // namespace graphhook::emulator::cli
